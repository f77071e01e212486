"""The sections of a report, in the order in which people ask: the answer first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hpopt.core.amounts import counted
from hpopt.digits import in_digits
from hpopt.reports import words
from hpopt.reports.data import StudyData
from hpopt.reports.findings import Comparison, Findings
from hpopt.reports.findings.configs import long_vectors
from hpopt.reports.page import blocks
from hpopt.reports.page.blocks import Block
from hpopt.reports.page.document import Section
from hpopt.reports.page.sketch import progress_sketch
from hpopt.reports.phrases import in_time, percent, quoted
from hpopt.space.description import fields_of
from hpopt.space.flat import MOST_ENTRIES

MOST_DIFFERENCES = 12  # rows of a table: two configs that differ in more have little in common
NOISE = {
    "repeats": "noise (standard deviation)",
    "folds": "noise (standard error)",
    "neighbours": "noise at most",
}
MOST_PAIRS, LEAST_PAIR = 5, 0.005  # what less than half a percent is due to is no news
MOST_PARAMETERS = 60  # in words; of more, the config as JSON is shorter


@dataclass(frozen=True, slots=True)
class Told:
    """One study of a report: its data, and what is said of it."""

    data: StudyData
    findings: Findings


def sections(several: Sequence[Told], compared: Comparison | None) -> list[Section]:
    """Return the sections of a report of one study or several."""
    found = [] if compared is None else [_head_to_head(compared)]
    pair = [PAIR] if any(len(each.data.columns) > 1 for each in several) else []
    found += [
        _answer(several),
        _section("finished", "Is it finished?", several, _finished),
        _section("mattered", "What mattered", several, _mattered, [IMPORTANCE]),
        _section("how", "How", several, _how, [MARGINALS, *pair]),
        _section("edges", "Edges", several, _edges),
        _section("failures", "What failed", several, _failed),
        _section("time", "Time", several, _time, [TIMELINE, CURVES]),
    ]
    if any(each.findings.front for each in several):
        found.append(_section("front", "The front", several, _front, [FRONT]))
    found.append(Section("trials", "Trials", [PARALLEL, FILTERS, TRIALS]))
    found.append(_section("reproduce", "Reproduce", several, _recipe))
    return found


IMPORTANCE = blocks.chart(
    "importance",
    "The share of the differences between trials that each parameter accounts for alone, with an "
    "interval that holds it in nine of ten cases.",
)
MARGINALS = blocks.chart(
    "marginals",
    "Trials by each parameter, the most important first. The line is what is expected at each "
    "setting with all others averaged, where that is known, and else the median of the trials.",
)
PAIR = blocks.chart("pair", "Two parameters at once: where the good trials are.")
TIMELINE = blocks.chart("timeline", "When each trial ran.")
CURVES = blocks.chart("curves", "What trials reported while they ran: the best and a sample.")
FRONT = blocks.chart("front", "Up to the front all is reached; beyond it nothing is.")
PARALLEL = blocks.chart(
    "parallel",
    "Each line is a trial. Drag along an axis to keep the trials of a range; click the axis to "
    "drop it again. All charts and the table follow.",
)
FILTERS = blocks.chart("filters", "")
TRIALS = blocks.chart(
    "trials", "Choose a column to sort by it, and a trial's number for all of it."
)


def _progress(several: Sequence[Told]) -> Block:
    caption = "Each trial and the best so far. The worst are drawn at the edge."
    if len(several) > 1:
        caption = "The best so far of each study."
    return blocks.chart("progress", caption, sketch=progress_sketch(several[0].data))


def _section(
    anchor: str,
    title: str,
    several: Sequence[Told],
    say: Callable[[Told], list[Block]],
    charts: Sequence[Block] = (),
) -> Section:
    said: list[Block] = []
    for each in several:
        found = say(each)
        if found and len(several) > 1:
            said.append(blocks.heading(each.data.name))
        said += found
    return Section(anchor, title, [*said, *charts])


def _paragraphs(sentences: Sequence[str]) -> list[Block]:
    return [blocks.paragraph(" ".join(sentences))] if sentences else []


def _answer(several: Sequence[Told]) -> Section:
    progress = _progress(several)
    if len(several) == 1:
        return Section("answer", "The answer", [*_best(*several), progress, *_second(*several)])
    return _section(
        "answer", "The answer", several, lambda each: _best(each) + _second(each), [progress]
    )


def _best(told: Told) -> list[Block]:
    answer = told.findings.answer
    numbers = [(name, in_digits(value)) for name, value in _objectives_first(told)]
    if answer.trial is not None:
        numbers.append(("found by trial", str(answer.trial)))
    if answer.noise is not None:
        numbers.append((NOISE[answer.noise_from], f"±{float(f'{answer.noise:.2g}'):g}"))
    found = [blocks.figures(numbers)] if numbers else []
    found += [blocks.paragraph(each, tone="lead") for each in answer.sentences[:1]]
    found += _paragraphs(answer.sentences[1:])
    config = list(answer.config.items())
    if config:
        found.append(blocks.facts(config[:MOST_PARAMETERS]))
    if len(config) > MOST_PARAMETERS:
        more = counted(len(config) - MOST_PARAMETERS, "more parameters")
        found.append(blocks.paragraph(f"And {more}.", tone="note"))
    for name, length in long_vectors(told.data.space).items():
        said = f"Of {quoted(name)}, the first {MOST_ENTRIES} of {length:,} entries are looked at."
        found.append(blocks.paragraph(said, tone="note"))
    return found


def _second(told: Told) -> list[Block]:
    answer = told.findings.answer
    if not answer.differences:
        return []
    rows = [(name, *pair) for name, pair in answer.differences.items()]
    head = ("parameter", f"the best, trial {answer.trial}", f"next, trial {answer.second}")
    caption = "Where the second best differs"
    if len(rows) > MOST_DIFFERENCES:
        caption += f": {MOST_DIFFERENCES} of {len(rows)} parameters"
    return [blocks.table(head, rows[:MOST_DIFFERENCES], caption=caption)]


def _objectives_first(told: Told) -> list[tuple[str, float]]:
    values = told.findings.answer.values
    names = [each.name for each in told.data.objectives if each.name in values]
    return [(name, values[name]) for name in names[:4]]  # a line has room for four


def _finished(told: Told) -> list[Block]:
    outlook = told.findings.outlook
    numbers = [("trials", f"{outlook.n_trials:,}")]
    if outlook.last_better is not None:
        which = "front" if told.findings.front else "best"
        numbers.append((f"since the {which} was bettered", f"{outlook.n_since:,}"))
    return [*_paragraphs(outlook.sentences), blocks.figures(numbers)]


def _mattered(told: Told) -> list[Block]:
    found: list[Block] = []
    for importance in told.findings.importance.values():
        found += [blocks.listing(importance.sentences)] if importance.sentences else []
        rows = [
            (
                " and ".join(each.names),
                percent(each.share),
                percent(each.low),
                percent(each.high),
            )
            for each in importance.pairs[:MOST_PAIRS]
            if each.share >= LEAST_PAIR
        ]
        if rows:
            head = ("together, beyond each alone", "share", "from", "to")
            found.append(blocks.table(head, rows))
    return found


def _how(told: Told) -> list[Block]:
    sentences = [each.sentence for each in told.findings.regions]
    return [blocks.listing(sentences)] if sentences else []


def _edges(told: Told) -> list[Block]:
    limits = told.findings.limits
    found = _paragraphs(limits.sentences)
    if limits.reasons:
        found += [
            blocks.heading("What study.narrow() does"),
            blocks.listing(limits.reasons),
        ]
    return found


def _failed(told: Told) -> list[Block]:
    failures = told.findings.failures
    found = _paragraphs(failures.sentences)
    if not failures.causes:
        return found
    causes = [
        (str(each.n), each.status, each.error, str(each.first), in_time(each.seconds))
        for each in failures.causes
    ]
    found.append(
        blocks.table(("trials", "status", "error of the first", "its number", "time lost"), causes)
    )
    regions = [
        (each.name, each.setting, f"{each.n_failed} of {each.n}", percent(each.others))
        for each in failures.regions
    ]
    if regions:
        head = ("parameter", "setting", "failed", "of all others")
        found.append(blocks.table(head, regions, caption="Where more fail than elsewhere"))
    found += [
        blocks.code(each.traceback, title=f"Traceback of trial {each.first}", is_folded=True)
        for each in failures.causes
        if each.traceback
    ]
    return found


def _time(told: Told) -> list[Block]:
    times = told.findings.times
    numbers = [
        ("from start to end", in_time(times.wall)),
        ("of evaluations", in_time(times.busy)),
    ]
    if np.isfinite(times.utilisation):
        workers = counted(times.n_workers, "workers")
        numbers.append((f"of the time of {workers} in use", percent(times.utilisation)))
    numbers += [
        (f"lost to {what} trials", in_time(seconds))
        for what, seconds in (("failed", times.failed), ("stopped", times.stopped))
        if seconds > 0
    ]
    return [*_paragraphs(times.sentences), blocks.figures(numbers)]


def _front(told: Told) -> list[Block]:
    front = told.findings.front
    return _paragraphs(front.sentences) if front else []


def _recipe(told: Told) -> list[Block]:
    recipe, data = told.findings.recipe, told.data
    facts = [*recipe.versions.items()]
    if recipe.seed is not None:
        facts.append(("seed", str(recipe.seed)))
    facts.append(("optimizer", words.optimizer(data.header["optimizer"])))
    found = [*_paragraphs(recipe.sentences), blocks.facts(facts)]
    if recipe.command:
        found.append(blocks.code(recipe.command, title="In a terminal"))
    if recipe.python:
        found.append(blocks.code(recipe.python, title="In Python"))
    rows = fields_of(data.space).rows
    found.append(blocks.table(("parameter", "may be"), rows, caption="The space"))
    return found


def _head_to_head(compared: Comparison) -> Section:
    after = dict(compared.after_trials)
    by_time = dict(compared.after_seconds)
    rows = [
        (
            run.name,
            in_digits(float(run.best[-1])) if len(run.best) else "",
            f"{run.n_trials:,}",
            in_time(run.wall),
            in_digits(after[run.name]) if run.name in after else "",
            in_digits(by_time[run.name]) if run.name in by_time else "",
        )
        for run in compared.runs
    ]
    head = (
        "study",
        f"best {compared.objective}",
        "trials",
        "time",
        f"after {compared.n_trials:,} trials",
        f"after {in_time(compared.seconds)}",
    )
    said = _paragraphs(compared.sentences)
    return Section("compared", "Head to head", [*said, blocks.table(head, rows)])
