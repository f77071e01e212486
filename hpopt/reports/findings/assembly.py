"""All that a report says of one study."""

from __future__ import annotations

from hpopt.reports.data import StudyData
from hpopt.reports.findings.answers import answer_of
from hpopt.reports.findings.failing import failures_of
from hpopt.reports.findings.fronts import front_of
from hpopt.reports.findings.limits import limits_of
from hpopt.reports.findings.outlooks import outlook_of
from hpopt.reports.findings.parts import Findings
from hpopt.reports.findings.recipes import recipe_of
from hpopt.reports.findings.regions import regions_in
from hpopt.reports.findings.times import times_of
from hpopt.reports.importance import importance
from hpopt.reports.reader import read_data
from hpopt.reports.source import Source


def findings(source: Source | StudyData, data: StudyData | None = None) -> Findings:
    """Return what a report says of a study: facts, and sentences.

    Parameters
    ----------
    source : Source or StudyData
        A study. What was read of one does too; it has no tracebacks, no fold values and no path.
    data : StudyData, optional
        What was read of the source, where that is at hand.
    """
    if isinstance(source, StudyData):
        return _found(source, None)
    return _found(read_data(source) if data is None else data, source)


def _found(data: StudyData, source: Source | None) -> Findings:
    answer = answer_of(data, source)
    mattered = {each.name: importance(data, each.name) for each in data.objectives}
    first = mattered[data.objectives[0].name]
    return Findings(
        answer,
        outlook_of(data, answer.noise),
        mattered,
        regions_in(data, first),
        limits_of(data, first),
        failures_of(data, source),
        times_of(data),
        front_of(data),
        recipe_of(data, None if source is None else source.path),
    )
