"""Of which trials the best one was bred."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpopt.errors import SettingError
from hpopt.reports.data import Ints, StudyData
from hpopt.reports.plots.canvas import Canvas, shown
from hpopt.reports.plots.views import Shown, data_of, thinned, view_of

MOST_ANCESTORS = 400  # more are one web
MOST_NUMBERS = 15  # of trials, written beside them


def lineage(
    study: Shown, *, objective: str | None = None, ax: Any = None, dark: bool = False
) -> Any:
    """Draw the ancestors of the best trial by generation and value, with lines to their offspring.

    The line of the better parent of each is highlighted, from the best trial back to the first.

    Parameters
    ----------
    study : Record, Study, Result or StudyData
        Of a strategy that breeds. Where it has no generations, trials are by number.
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
        No trial says of which others it was bred, or there is no best.
    """
    from matplotlib.collections import LineCollection

    data = data_of(study)
    if not data.parents:
        raise SettingError(
            "a lineage must be of a strategy that breeds trials of others, but the study's "
            f"{len(data)} trials name no parents: show slices, or search with optimizer='genetic'"
        )
    view = view_of(data, objective)
    if not len(view.best):
        raise SettingError(
            f"a lineage must be of the best trial, but none of {len(data)} meets all constraints"
        )
    best = int(view.rows[view.best[0]])
    canvas = Canvas(ax, dark)
    ax, colours = canvas.ax, canvas.colours
    view.scale.apply(ax)
    canvas.grid(ax)
    by_generation = bool((data.generations[view.rows] >= 0).all())
    ax.xaxis.get_major_locator().set_params(integer=True)
    where = (data.generations if by_generation else data.numbers).astype(float)
    ax.set_xlabel("generation" if by_generation else "trial")
    values = np.clip(data.values[view.objective.name], view.scale.low, view.scale.high)
    some, thinning = thinned(len(view.rows), view.best[:1], 2000)
    rows = view.rows[some]
    ax.plot(
        where[rows], values[rows], ".", color=colours.faint, alpha=0.45, markersize=3,
        rasterized=len(rows) > 1000,
    )  # fmt: skip
    ancestors, edges, n_cut = ancestors_of(data, best)
    lines = [[(where[a], values[a]), (where[b], values[b])] for a, b in edges]
    ax.add_collection(LineCollection(lines, colors=colours.trial, linewidths=0.9, alpha=0.5))
    ax.plot(where[ancestors], values[ancestors], "o", color=colours.trial, markersize=4.5)
    main = main_line(data, best, view.objective.sign * data.values[view.objective.name])
    ax.plot(where[main], values[main], "-o", color=colours.best, linewidth=2, markersize=5)
    _numbers(canvas, data, main, where, values)
    ax.plot(where[best], values[best], "*", color=colours.best, markersize=14, zorder=5)
    canvas.legend(
        [
            canvas.mark(f"the best, trial {data.numbers[best]}", colours.best, "*", markersize=10),
            canvas.mark("line of better parents", colours.best, "o", linestyle="-"),
            canvas.mark("other ancestors", colours.trial),
            canvas.mark("all trials", colours.faint, "."),
        ]
    )
    n = len(ancestors) - 1
    said = f"{n:,} ancestors" + f"; those before are left out ({n_cut:,} lines)" * (n_cut > 0)
    title = f"Lineage of the best {shown(view.objective.name, 40)}"
    canvas.title(
        title, view.note, said, thinning.replace("the best 1", "ancestors"), view.scale.note
    )
    return ax


def ancestors_of(data: StudyData, row: int) -> tuple[Ints, list[tuple[int, int]], int]:
    """Return the rows of a trial and its ancestors, and the pairs (parent, child) among them.

    Parents come before earlier ones. The last number is how many pairs were left out.
    """
    place = {int(number): k for k, number in enumerate(data.numbers)}
    values = data.values[data.objectives[0].name]
    found, edges, cut = {row: None}, [], 0
    queue = [row]
    while queue:
        following: list[int] = []
        for child in queue:
            for number in dict.fromkeys(data.parents.get(int(data.numbers[child]), ())):
                parent = place.get(number)
                if parent is None or not np.isfinite(values[parent]):
                    continue
                if parent not in found:
                    if len(found) > MOST_ANCESTORS:
                        cut += 1
                        continue
                    found[parent] = None
                    following.append(parent)
                edges.append((parent, child))
        queue = following
    return np.array(list(found), dtype=np.int64), edges, cut


def main_line(data: StudyData, row: int, losses: Any) -> Ints:
    """Return a trial and the better parent of each, back to the first, first to last."""
    place = {int(number): k for k, number in enumerate(data.numbers)}
    line, seen = [row], {row}
    while True:
        numbers = data.parents.get(int(data.numbers[line[-1]]), ())
        known = [place[n] for n in numbers if n in place and place[n] not in seen]
        known = [each for each in known if np.isfinite(losses[each])]
        if not known:
            return np.array(line[::-1], dtype=np.int64)
        line.append(min(known, key=lambda each: float(losses[each])))
        seen.add(line[-1])


def _numbers(canvas: Canvas, data: StudyData, main: Ints, where: Any, values: Any) -> None:
    if len(main) > MOST_NUMBERS:
        return
    for row in main:
        canvas.ax.annotate(
            str(data.numbers[row]),
            (where[row], values[row]),
            xytext=(4, 5),
            textcoords="offset points",
            fontsize=7,
            color=canvas.colours.text,
            zorder=6,
        )
