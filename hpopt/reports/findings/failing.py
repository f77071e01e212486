"""What failed, by cause and by region."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hpopt.digits import in_digits
from hpopt.reports.columns import Column
from hpopt.reports.data import StudyData
from hpopt.reports.findings.parts import FailedBy, FailureRegion, Failures
from hpopt.reports.phrases import listed, percent, quoted, trials
from hpopt.reports.source import Source

MOST_CAUSES, MOST_REGIONS = 10, 5  # what a page has room for
DOUBT = 0.01  # of a region by chance, over all that are tried
SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)  # of the trials at an end of a range
LEAST_TRIALS = 5  # in a region, as in narrowing

Bools = NDArray[np.bool_]


def failures_of(data: StudyData, source: Source | None = None) -> Failures:
    """Return what failed, with one traceback of each kind where the source is given."""
    n = int(data.is_failure.sum())
    if not n:
        return Failures(0, (), (), ("No trial failed.",) if len(data) else ())
    causes = _causes(data, source)
    regions = regions_of(data)
    said = [f"{trials(n)} of {len(data)} failed ({percent(n / len(data))})."]
    told = [f"{each.n} × {quoted(each.error) or each.status}" for each in causes]
    if told:
        said.append(f"The reasons: {listed(told)}.")
    said += [_in_words(each) for each in regions]
    if not regions and n >= LEAST_TRIALS:
        said.append("No setting goes with failures clearly.")
    return Failures(n, causes, regions, tuple(said))


def regions_of(data: StudyData) -> tuple[FailureRegion, ...]:
    """Return settings with which clearly more trials fail, the surest of each parameter.

    By the hypergeometric distribution (Fisher's exact test, one-sided), with Bonferroni's
    correction for all that were tried.
    """
    from scipy.stats import hypergeom

    failed = data.is_failure
    n, n_failed = len(data), int(failed.sum())
    if n_failed in (0, n):
        return ()
    tried = [(each, *one) for each in data.columns for one in _settings(each)]
    inside = np.array([int(where.sum()) for _, _, where in tried])
    bad = np.array([int((where & failed).sum()) for _, _, where in tried])
    doubts = hypergeom.sf(bad - 1, n, n_failed, inside) * max(1, len(tried))
    found: dict[str, FailureRegion] = {}
    for k in np.lexsort([-inside, doubts]):
        column, setting, _ = tried[k]
        if doubts[k] < DOUBT and column.name not in found and len(found) < MOST_REGIONS:
            others = (n_failed - bad[k]) / (n - inside[k])
            found[column.name] = FailureRegion(
                column.name, setting, int(inside[k]), int(bad[k]), float(others)
            )
    return tuple(found.values())


def _causes(data: StudyData, source: Source | None) -> tuple[FailedBy, ...]:
    found = []
    for k, cause in enumerate(data.causes):
        rows = (data.cause == k) & data.is_failure
        if rows.any():
            lost = float(np.nansum(data.seconds[rows]))
            found.append(
                FailedBy(cause.status, cause.error, int(rows.sum()), cause.first, "", lost)
            )
    found = sorted(found, key=lambda each: (-each.n, each.first))[:MOST_CAUSES]
    return tuple(each if source is None else _traced(each, source) for each in found)


def _traced(each: FailedBy, source: Source) -> FailedBy:
    traceback = source.trial(each.first).traceback or ""
    return FailedBy(each.status, each.error, each.n, each.first, traceback, each.seconds)


def _settings(column: Column) -> Iterator[tuple[str, Bools]]:
    """Yield parts of a parameter's settings in words, and the trials that have them."""
    values = column.values
    active = column.is_active
    if active.sum() < LEAST_TRIALS:
        return
    if column.kind == "categorical":
        for place, choice in enumerate(column.choices):
            where = values == place
            if LEAST_TRIALS <= where.sum() < len(values):
                yield f"is {choice}", where
        return
    seen: set[tuple[str, float]] = set()
    for share in SHARES:
        for end, cut in (
            ("at most", float(np.quantile(values[active], share, method="lower"))),
            ("at least", float(np.quantile(values[active], 1 - share, method="higher"))),
        ):
            where = np.asarray(values <= cut if end == "at most" else values >= cut)
            if (end, cut) not in seen and LEAST_TRIALS <= where.sum() < active.sum():
                seen.add((end, cut))
                yield f"is {end} {_label(column, cut)}", where


def _label(column: Column, cut: float) -> str:
    return column.label(cut) if column.choices else in_digits(float(f"{cut:.3g}"))


def _in_words(each: FailureRegion) -> str:
    where = f"{quoted(each.name)} {quoted(each.setting)}"
    others = percent(each.others)
    return f"Where {where}, {each.n_failed} of {each.n} failed, of all others {others}."
