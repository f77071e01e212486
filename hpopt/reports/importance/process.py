"""What matters to a Gaussian process: a second opinion, by the model that strategies search with.

Lengthscales are no measure: a parameter with a long one may move everything, and of a short one
little may depend. So the variance of the posterior mean over the space is split as that of the
trees is, from its values at random configs (Plischke, Borgonovo & Smith 2013, "Global sensitivity
measures from given data", https://doi.org/10.1016/j.ejor.2012.11.047).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.numerics.gaussian_process_fit import Prior, as_hyperparameters, fit_hyperparameters
from hpopt.reports.data import StudyData
from hpopt.reports.importance.axes import Allowed, Axis, axes_of, conditions_of
from hpopt.reports.importance.shares import ProcessShares
from hpopt.reports.importance.targets import drawn, target_of
from hpopt.reports.reader import read_data
from hpopt.reports.source import Source

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_TRIALS = 300  # the time grows with their cube: a second at 300
LEAST_TRIALS = 10
N_CONFIGS = 4096  # at which the mean is looked at: shares are exact to half a percent
N_BINS = 16  # of a number's range
FITTED, TOLERANCE = 40, 1e-3  # evaluations of the posterior, as many as a search makes
ABSENT = 0.5  # the coordinate of what does not exist, as in `hpopt.space`
KEY = 28  # any number: the same study gives the same configs


def process_shares(source: Source | StudyData, objective: str | None = None) -> ProcessShares:
    """Return what matters to a Gaussian process of a study's trials.

    Parameters
    ----------
    source : Source or StudyData
    objective : str, optional
        As of `importance`.

    Raises
    ------
    UnknownNameError
        There are no such values.
    """
    data = source if isinstance(source, StudyData) else read_data(source)
    name = data.objectives[0].name if objective is None else objective
    target = drawn(target_of(data, name), MOST_TRIALS)
    axes, n = axes_of(data.space, data.columns), len(target.rows)
    deviation = float(target.scaled.std()) if n and target.scale > 0 else 0.0
    if n < LEAST_TRIALS or not axes or not deviation > 0:
        return ProcessShares({}, np.nan, n)
    points = np.column_stack([axis.at(axis.column.values[target.rows]) for axis in axes])
    targets = (target.scaled - target.scaled.mean()) / deviation
    features, groups = _features(axes, points)
    is_choice = np.array([axis.column.kind == "categorical" for axis in axes])
    prior = Prior.for_groups(max(1.0, float((~np.isnan(points)).sum(axis=1).mean())), is_choice)
    theta = fit_hyperparameters(
        features, targets, groups, prior, prior.start, evaluations=FITTED, tolerance=TOLERANCE
    )
    process = GaussianProcess(features, targets, groups, as_hyperparameters(theta))
    skill = 1.0 - float((process.left_out_errors() ** 2).mean())
    return ProcessShares(_shares(axes, conditions_of(data.space), process), skill, n)


def _shares(
    axes: tuple[Axis, ...], conditions: Mapping[str, Allowed], process: GaussianProcess
) -> dict[str, float]:
    points = np.random.default_rng(KEY).random((N_CONFIGS, len(axes)))
    sides = {axis.column.name: k for k, axis in enumerate(axes)}
    for k, axis in enumerate(axes):
        exists = _holds(conditions[axis.column.name], axes, sides, points)
        points[~exists, k] = np.nan
    means = process.mean(_features(axes, points)[0])
    whole = float(means.var())
    found = {
        axis.column.name: _share(_levels(axis, points[:, k]), means) / whole if whole > 0 else 0.0
        for k, axis in enumerate(axes)
    }
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _holds(
    where: Allowed, axes: tuple[Axis, ...], sides: Mapping[str, int], points: Floats
) -> Bools:
    """Return in which configs conditions hold; a parent that is absent has no value that does."""
    found = np.ones(len(points), dtype=bool)
    for name, values in where.items():
        if name in sides:
            low, high = axes[sides[name]].cells(np.array(values))
            at = points[:, sides[name], None]
            found &= ((low <= at) & (at < high)).any(axis=1)
    return found


def _levels(axis: Axis, at: Floats) -> NDArray[np.int64]:
    """Return the bin, or the choice, of each coordinate; -1 where it is absent."""
    n = len(axis.column.choices) or N_BINS
    with np.errstate(invalid="ignore"):
        bins = np.minimum(np.nan_to_num(at) * n, n - 1).astype(np.int64)
    return np.where(np.isnan(at), -1, bins)


def _share(levels: NDArray[np.int64], means: Floats) -> float:
    """Return the variance between levels, less what would be between them by chance."""
    active = levels >= 0
    values, which = means[active], levels[active]
    counts = np.bincount(which).astype(np.float64)
    is_there = counts > 1
    if is_there.sum() < 2:
        return 0.0
    totals = np.bincount(which, values)
    centres = np.divide(totals, counts, out=np.zeros_like(totals), where=counts > 0)
    within = ((values - centres[which]) ** 2).sum() / (len(values) - is_there.sum())
    between = (counts * (centres - values.mean()) ** 2)[is_there].sum()
    own = max(between - within * (is_there.sum() - 1), 0.0) / len(values)
    return float(own * active.mean())


def _features(axes: tuple[Axis, ...], points: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return what the kernel compares, and the parameter of each feature.

    Choices are as far from one another as the ends of a range.
    """
    features, groups = [], []
    for k, axis in enumerate(axes):
        at = points[:, k, None]
        if axis.column.kind == "categorical":
            n = len(axis.column.choices)
            block = (_levels(axis, points[:, k])[:, None] == np.arange(n)) / np.sqrt(2.0)
        else:
            block = np.where(np.isnan(at), ABSENT, at)
        features.append(block)
        groups += [k] * block.shape[1]
    return np.concatenate(features, axis=1), np.array(groups)
