"""Trials side by side: parameters as columns where they fit, else what differs among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpopt.core import Ranking, Trial
from hpopt.digits import in_digits
from hpopt.reports import words
from hpopt.sheets import (
    Choice,
    Fields,
    Line,
    Stack,
    Table,
    in_short,
    is_number,
    layer_in_short,
)
from hpopt.sheets.short import MOST_ENTRIES

MOST_OTHERS = 12  # values beside objectives and constraints: a line of a wide terminal
MOST_NAMED = 40  # parameters that are the same in all trials: a paragraph
MOST_BESIDE = 12  # columns that a notebook has room for side by side
LONGEST_NAME = 40  # characters: half a line
SIDE_BY_SIDE = (8, 6, 5, 4)  # trials as columns: with fewer, a block of lines is shorter
LONGEST_CELL = 40  # where trials are columns
MOST_HEADS = 300  # of one config: nobody reads more, and a study of anybody's may have a million
Cells = dict[str, str]
Parts = Callable[[str, Any], Iterable[tuple[str, str, bool]]]
"""What makes heads and texts of one parameter, and says which are numbers."""


@dataclass(frozen=True)
class Column:
    """One column of the table: its head, and a text for each trial, empty where it has none."""

    head: str
    cells: tuple[str, ...]
    is_number: bool = True
    always: bool = True

    @property
    def is_same(self) -> bool:
        """Whether it says nothing of how the trials differ."""
        return not self.always and len(set(self.cells)) == 1


def trials_table(trials: Sequence[Trial], ranking: Ranking) -> Choice:
    """Show trials in the forms of which a terminal takes the first that fits it.

    These are a row a trial with all that is known; the same with a line below for what all trials
    share; a column a trial, with a row for each layer of a list, or for each parameter of each
    layer; several such tables one below the other; and a block of lines a trial.
    Where nobody looks on, the config stands at the end of the row as JSON.

    Parameters
    ----------
    trials : sequence of Trial
        With values, in the order in which they are shown.
    ranking : Ranking
        The study's.
    """
    measured, is_one = _measured(trials, ranking), len(trials) < 2
    columns = [*measured, *_parameters(trials, _whole)]

    def divided(parts: Parts) -> tuple[list[Column], list[Line]]:
        found = [*measured, *_parameters(trials, parts)]
        same = [] if is_one else [each for each in found if each.is_same]
        below = [Line(_same_in_words(same))] if same else []
        return [each for each in found if each not in same], below

    whole, below = divided(_whole)
    full, short = _in_rows(columns), Stack((_in_rows(whole), *below))
    blocks = Stack((_blocks(whole), *below))
    flat, below = divided(_flat)
    upright = [Stack((_in_columns(flat), *below))]
    layered, below = divided(_by_layer)
    upright.insert(0, Stack((_in_columns(layered), *below)))
    for side_by_side in SIDE_BY_SIDE:
        if side_by_side < len(trials):
            upright.append(Stack((*_in_panels(layered, side_by_side), *below)))
    texts = tuple(words.as_json(trial.config) for trial in trials)
    plain = _in_rows([*measured, Column("config", texts, is_number=False)])
    html = full if len(columns) <= MOST_BESIDE else short
    return Choice((full, short, *upright, blocks), plain=plain, html=html)


def _measured(trials: Sequence[Trial], ranking: Ranking) -> list[Column]:
    """Return what is known of trials beside their configs."""
    objectives = [objective.name for objective in ranking.objectives]
    # What constraints are on is worth a column, too.
    named = list(dict.fromkeys([*objectives, *(each.name for each in ranking.constraints)]))
    columns = [Column("trial", tuple(str(trial.number) for trial in trials))]
    at = tuple("" if (f := t.solution.fidelity) is None else in_digits(f) for t in trials)
    if any(at):
        columns.append(Column("fidelity", at))
    columns += [_values(trials, name, always=True) for name in named]
    if ranking.constraints:
        meets = tuple("yes" if ranking.is_feasible(trial) else "no" for trial in trials)
        columns.append(Column("feasible", meets))
    columns.append(Column("seconds", tuple(f"{trial.seconds:.1f}" for trial in trials)))
    others = dict.fromkeys(name for t in trials for name in t.outcome.values if name not in named)
    return columns + [_values(trials, name, always=False) for name in [*others][:MOST_OTHERS]]


def _values(trials: Sequence[Trial], name: str, *, always: bool) -> Column:
    found = (trial.outcome.values.get(name) for trial in trials)
    cells = tuple("" if value is None else in_digits(value) for value in found)
    return Column(_cut(name, LONGEST_NAME), cells, always=always)


def _parameters(trials: Sequence[Trial], parts: Parts) -> list[Column]:
    """Return a column for each name that the configs have, in their order."""
    rows: list[Cells] = []
    are_numbers: dict[str, bool] = {}
    for trial in trials:
        cells: Cells = {}
        for name, value in trial.solution.config.items():
            for head, text, number in parts(name, value):
                if len(cells) >= MOST_HEADS:
                    break
                cells[head] = text
                are_numbers[head] = number and are_numbers.get(head, True)
        rows.append(cells)
    return [
        Column(
            _cut(head, LONGEST_NAME), tuple(row.get(head, "") for row in rows), number, always=False
        )
        for head, number in _in_order(rows, are_numbers).items()
    ]


def _in_order(rows: Sequence[Cells], found: Mapping[str, bool]) -> dict[str, bool]:
    """Put names after those that they come after in a config: layer 3 before what follows."""
    order: list[str] = []
    for row in rows:
        place = 0
        for head in row:
            if head in order:
                place = order.index(head) + 1
            else:
                order.insert(place, head)
                place += 1
    return {head: found[head] for head in order}


def _whole(name: str, value: Any) -> Iterable[tuple[str, str, bool]]:
    yield name, in_short(value), is_number(value)


def _by_layer(name: str, value: Any) -> Iterable[tuple[str, str, bool]]:
    if not _has_layers(value):
        yield from _whole(name, value)
        return
    for n, layer in enumerate(value):
        yield f"{name}[{n}]", layer_in_short(layer), False


def _flat(name: str, value: Any) -> Iterable[tuple[str, str, bool]]:
    if isinstance(value, Mapping):
        for key, inside in value.items():
            yield from _flat(f"{name}.{key}", inside)
    elif _has_layers(value) or (isinstance(value, list) and len(value) <= MOST_ENTRIES):
        for n, entry in enumerate(value):
            yield from _flat(f"{name}[{n}]", entry)
    else:
        yield from _whole(name, value)


def _has_layers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _in_rows(columns: Sequence[Column]) -> Table:
    return Table(
        tuple(column.head for column in columns),
        tuple(zip(*(column.cells for column in columns), strict=True)),
        right=tuple(column.is_number for column in columns),
    )


def _in_columns(columns: Sequence[Column]) -> Table:
    first, *rest = columns
    rows = ((each.head, *(_cut(cell, LONGEST_CELL) for cell in each.cells)) for each in rest)
    n = len(first.cells)
    return Table((first.head, *first.cells), tuple(rows), right=(False, *[n > 1] * n))


def _in_panels(columns: Sequence[Column], n: int) -> Iterator[Table | Line]:
    """Yield tables of n trials as columns, and what parts them."""
    for start in range(0, len(columns[0].cells), n):
        if start:
            yield Line("")
        some = (replace(each, cells=each.cells[start : start + n]) for each in columns)
        yield _in_columns([each for each in some if any(each.cells)])


def _blocks(columns: Sequence[Column]) -> Fields:
    """Return a field a trial: its number, and all else in lines."""
    first, *rest = columns
    rows = []
    for place, number in enumerate(first.cells):
        said = (f"{each.head} {each.cells[place]}" for each in rest if each.cells[place])
        rows.append((f"{first.head} {number}", ", ".join(said)))
    return Fields(tuple(rows))


def _same_in_words(columns: Sequence[Column]) -> str:
    named = [f"{each.head} {each.cells[0]}" for each in columns[:MOST_NAMED]]
    more = f", and {len(columns) - MOST_NAMED} more" if len(columns) > MOST_NAMED else ""
    return f"the same in all: {', '.join(named)}{more}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
