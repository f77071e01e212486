"""A space in words: what may be chosen for each parameter, and where it exists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from hpopt.digits import in_digits
from hpopt.sheets import Choice, Line, Sheet, Stack, Table, in_short
from hpopt.space.differences import as_written
from hpopt.space.parameter import Parameter
from hpopt.space.prior import Normal

MOST_LISTED = 8  # choices: a line; of more, three and the last say what they are
MOST_WEIGHED = 3  # of them, the heaviest ones, where they have weights
MOST_ROWS = 1000  # a space from anybody's file may have millions of parameters
INDENT = "  "
HEADS = ("parameter", "may be", "only where", "default", "believed")
Row = tuple[str, str, str, str, str]


def described(space: Mapping[str, Parameter], forbidden: Sequence[Any] = ()) -> Sheet:
    """Return a space as a table in words, and what it forbids."""
    if not space:
        return Sheet((Line("no parameters"),))
    lines = [Line(f"never {_forbidden_in_words(each)}") for each in forbidden[:MOST_LISTED]]
    if len(forbidden) > MOST_LISTED:
        lines.append(Line(f"and {len(forbidden) - MOST_LISTED} more that are forbidden"))
    return Sheet((_table_of(space), *([Stack(tuple(lines))] if lines else [])))


def fields_of(space: Mapping[str, Parameter]) -> Table:
    """Return the name of each parameter and all else in one text."""
    rows = tuple((name, _joined(*rest)) for name, *rest in _some_rows(space))
    return Table((), rows, folds=(False, True))


def _table_of(space: Mapping[str, Parameter]) -> Choice:
    """Return a table, without columns in which there is no text, and a narrow form."""
    rows = _some_rows(space)
    used = [0, *(k for k in range(1, len(HEADS)) if any(row[k] for row in rows))]
    cells = tuple(tuple(row[k] for k in used) for row in rows)
    wide = Table(tuple(HEADS[k] for k in used), cells)
    return Choice((wide, fields_of(space)), plain=wide, html=wide)


def _some_rows(space: Mapping[str, Parameter]) -> list[Row]:
    found = _rows(space, "")
    rows = list(islice(found, MOST_ROWS))
    n_more = sum(1 for _ in found)
    if n_more:
        rows.append(("…", f"and {n_more} more", "", "", ""))
    return rows


def _joined(choices: str, condition: str, default: str, prior: str) -> str:
    where = f", only where {condition}" if condition else ""
    default = f", by default {default}" if default else ""
    return f"{choices}{where}{default}{f', believed {prior}' if prior else ''}"


def _forbidden_in_words(forbidden: Any) -> str:
    matched = getattr(forbidden, "values", None)
    return _matched(matched) if isinstance(matched, Mapping) else str(forbidden)


def _rows(space: Mapping[str, Parameter], indent: str) -> Iterator[Row]:
    for name, parameter in space.items():
        default = "" if parameter.default is None else in_short(parameter.default)
        said = choices_of(parameter), condition_of(parameter), default, prior_of(parameter)
        yield (f"{indent}{name}", *said)
        inside: Any = getattr(parameter, "layer", None)
        if isinstance(inside, Mapping):
            yield from _rows(inside, indent + INDENT)


def choices_of(parameter: Parameter) -> str:
    """Return what may be chosen for a parameter, in words."""
    given: Any = parameter
    if parameter.kind == "sequence":
        n = _span(given.min_length, given.max_length)
        return f"{n} layer{'s' * (n != '1')}, each with"
    if parameter.kind in ("ordinal", "categorical"):
        is_ordered = parameter.kind == "ordinal"
        listed = given.values if is_ordered else given.choices
        return _listed(listed, " < " if is_ordered else " | ")
    if parameter.kind not in ("float", "int", "vector"):  # of somebody's own class
        return as_written(parameter)
    said = _span(given.low, given.high)
    if parameter.kind == "vector":
        return f"{given.length} numbers, each {said}"
    step = given.step if parameter.kind == "float" or given.step != 1 else None
    said += f" in steps of {in_digits(step)}" if step is not None else ""
    said += ", log scale" if given.log else ""
    return f"integer {said}" if parameter.kind == "int" else said


def prior_of(parameter: Parameter) -> str:
    """Return where good values are believed to lie, in words; empty where nothing is believed."""
    given: Any = parameter
    prior = given.prior
    if prior is None:
        return ""
    if isinstance(prior, tuple):
        listed = getattr(parameter, given.noun)
        order = sorted(range(len(prior)), key=lambda place: -prior[place])
        shares = [f"{_plain(listed[k])} {100 * prior[k] / sum(prior):.2g} %" for k in order]
        more = f", {len(shares) - MOST_WEIGHED} more" if len(shares) > MOST_WEIGHED else ""
        return ", ".join(shares[:MOST_WEIGHED]) + more
    if not isinstance(prior, Normal):
        return f"near {_plain(prior)}"
    if prior.sd is None:
        return f"near {in_digits(prior.mean)}"
    if getattr(given, "log", False):
        return f"{in_digits(prior.mean)} within a factor of {10**prior.sd:.3g}"
    return f"{in_digits(prior.mean)} ± {in_digits(prior.sd)}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _text_of(value)


def condition_of(parameter: Parameter) -> str:
    """Return where a parameter exists, in words; empty where it always does."""
    return _matched(parameter.when or {})


def _matched(when: Mapping[str, Sequence[Any]]) -> str:
    return " and ".join(f"{name} is {_listed(v, ' or ')}" for name, v in when.items())


def _span(low: float, high: float) -> str:
    return in_digits(low) if low == high else f"{in_digits(low)} to {in_digits(high)}"


def _listed(several: Sequence[Any], separator: str) -> str:
    texts = [_plain(each) for each in several]
    if len(texts) > MOST_LISTED:
        texts = [*texts[:3], "…", texts[-1], f"({len(texts)})"]
    return separator.join(texts)


def _text_of(value: Any) -> str:
    return in_digits(value) if isinstance(value, float) else json.dumps(value)
