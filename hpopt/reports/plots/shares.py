"""How much of the differences between trials each parameter accounts for."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpopt.errors import SettingError
from hpopt.reports.importance import Importance
from hpopt.reports.importance import importance as importance_of
from hpopt.reports.plots.canvas import Canvas, shown
from hpopt.reports.plots.views import Shown, data_of, view_of

MOST_BARS = 15  # parameters: the others account for next to nothing
MOST_PAIRS = 5


def importance(
    study: Shown | Importance,
    *,
    objective: str | None = None,
    ax: Any = None,
    dark: bool = False,
) -> Any:
    """Draw the share of the values' variance that each parameter accounts for, with its interval.

    The bar is of the parameter alone, with an interval of 90 %; the paler part is what it does
    together with others. Below are the pairs that matter most. How it is computed says
    `hpopt.reports.importance.importance`.

    Parameters
    ----------
    study : Record, Study, Result, StudyData or Importance
        `Importance` is what `hpopt.reports.importance.importance` has returned.
    objective : str, optional
        By default the first.
    ax, dark
        See `progress`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    SettingError
        Too few trials have values, or models predict too little, to say what mattered.
    """
    if isinstance(study, Importance):
        found = study
    else:
        data = data_of(study)
        view_of(data, objective)
        found = importance_of(data, objective)
    if not found.is_known:
        raise SettingError(
            f"what mattered must be known to be drawn, but it is not: {' '.join(found.sentences)}"
        )
    shares = found.shares[:MOST_BARS]
    pairs = [each for each in found.pairs[:MOST_PAIRS] if each.share > 0.005]  # not 0 % on a bar
    n = len(shares) + len(pairs)
    canvas = Canvas(ax, dark, (8.0, 1.4 + 0.28 * n))
    ax, colours = canvas.ax, canvas.colours
    places = np.arange(len(shares))
    alone = [each.share for each in shares]
    ax.barh(places, [each.total for each in shares], 0.7, color=colours.trial, alpha=0.25)
    ax.barh(places, alone, 0.7, color=colours.trial)
    below = np.arange(len(pairs)) + len(shares)
    ax.barh(below, [each.share for each in pairs], 0.5, color=colours.series[2])
    every: list[Any] = [*shares, *pairs]
    middles = np.array([each.share for each in every])
    ends = [
        np.maximum(middles - [each.low for each in every], 0),
        np.maximum([each.high for each in every] - middles, 0),
    ]
    ax.errorbar(
        middles, range(n), xerr=ends, fmt="none", ecolor=colours.text, elinewidth=1.2, capsize=3
    )
    names = [shown(each.name) for each in shares]
    names += [f"{shown(a, 20)} × {shown(b, 20)}" for a, b in (each.names for each in pairs)]
    ax.set_yticks(range(n), names)
    ax.set_ylim(n - 0.4, -0.6)
    most = max(max(each.high, getattr(each, "total", 0.0)) for each in every)
    ax.set_xlim(0, min(1.05 * max(most, 0.01), 1.0))
    ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    ax.set_xlabel(f"share of the variance of {shown(found.objective, 40)}")
    ax.tick_params(axis="y", length=0)
    canvas.grid(ax, "x")
    marks = [
        canvas.mark("alone, with 90 % interval", colours.trial, "s"),
        canvas.mark("with interactions", colours.trial, "s", alpha=0.25),
    ]
    if pairs:
        marks.append(canvas.mark("two together", colours.series[2], "s"))
    canvas.legend(marks)
    left = len(found.shares) - len(shares)
    canvas.title(
        "What mattered",
        f"{found.n_trials:,} trials; models predict {100 * found.skill:.0f} % of the variance",
        found.target,
        f"{left} parameters that account for less are left out" if left else "",
    )
    return ax
