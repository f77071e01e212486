"""Where a figure is drawn: axes and panels in the house's colours, titles, notes and legends.

No setting of matplotlib's is changed: all is set on the axes themselves.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from hpopt.errors import MissingExtraError, SettingError
from hpopt.reports.palette import DARK, LIGHT
from hpopt.terminal import printable

TITLE, LABEL, TICK, NOTE = 11, 9, 8, 8  # sizes of text, in points
WIDTH = 8.0  # inches: a page of documentation or a cell of a notebook
MOST_OF_A_NAME = 26  # characters: two lines of ticks beside a panel
LONGEST = 2000  # characters of a text that are looked at
HEADER = 0.001  # height of axes of which only the title is seen, in those of the panels
BAR = 0.03  # width of a scale of colours, in that of all panels
LETTER = 0.52  # mean width of a letter of DejaVu Sans, in sizes of it


class Canvas:
    """One place to draw: the axes that were given, or those of a new figure.

    A new figure is pyplot's where pyplot is in use, and in a notebook, which then shows it.
    Elsewhere it is a plain one: nothing keeps it alive, and no display is needed.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
    dark : bool
    size : (float, float)
        Of a new figure, in inches.
    """

    def __init__(self, ax: Any, dark: bool, size: tuple[float, float] = (WIDTH, 4.5)) -> None:
        self.colours = DARK if dark else LIGHT
        self.ax = _new_axes(size, self.colours.ground) if ax is None else _checked(ax)
        self.style(self.ax)
        self._bar: Any = None

    def style(self, ax: Any) -> None:
        """Give axes their colours and sizes."""
        colours = self.colours
        ax.set_facecolor(colours.ground)
        for side, spine in ax.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(colours.faint)
        ax.tick_params(which="both", colors=colours.faint, labelcolor=colours.text, labelsize=TICK)
        for axis in (ax.xaxis, ax.yaxis):
            axis.label.set(color=colours.text, fontsize=LABEL)
        ax.set_axisbelow(True)

    def grid(self, ax: Any, axis: str = "both") -> None:
        """Draw lines at the ticks."""
        ax.grid(visible=True, axis=axis, color=self.colours.grid, linewidth=0.7)

    def panels(
        self, n: int, columns: int, *, shared_y: str = "", with_bar: bool = False
    ) -> list[Any]:
        """Return axes side by side in the place of the canvas, row by row.

        Parameters
        ----------
        n, columns : int
        shared_y : str
            The name of the vertical axis that all share, written at the left ones; by default
            each has its own.
        with_bar : bool
            Whether there is place for a `bar` at their right.
        """
        from matplotlib.gridspec import GridSpec

        columns = min(n, columns)
        rows = -(-n // columns)
        place = self.ax.get_subplotspec()
        shape: Any = {"height_ratios": [HEADER, 1], "width_ratios": [1, *[BAR] * with_bar]}
        n_wide = 1 + with_bar
        if place is None:
            box = self.ax.get_position()
            sides: Any = {"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1}
            outer: Any = GridSpec(2, n_wide, figure=self.ax.figure, **sides, **shape)
        else:
            outer = place.subgridspec(2, n_wide, **shape)
        grid = outer[1, 0].subgridspec(rows, columns)
        # The axes themselves carry the title, above the panels.
        self.ax.set_subplotspec(outer[0, 0])
        self.ax.set_axis_off()
        self._bar = self.ax.figure.add_subplot(outer[1, 1]) if with_bar else None
        made: list[Any] = []
        for k in range(n):
            beside = made[0] if shared_y and made else None
            ax = self.ax.figure.add_subplot(grid[k // columns, k % columns], sharey=beside)
            self.style(ax)
            if shared_y and k % columns:
                ax.tick_params(labelleft=False)
            elif shared_y:
                ax.set_ylabel(shared_y)
            made.append(ax)
        return made

    def title(self, title: str, *notes: str) -> None:
        """Write what the figure shows, and below it in small what must be known of it."""
        figure = self.ax.figure
        width = self.ax.get_position().width * figure.get_size_inches()[0] * 72
        line = max(int(width / (LETTER * NOTE)), 30)
        said = "; ".join(note for note in notes if note)
        lines = textwrap.wrap(said, line) if said else []
        self.ax.set_title(
            title,
            loc="left",
            pad=6 + 1.3 * NOTE * len(lines),
            fontsize=TITLE,
            fontweight="bold",
            color=self.colours.text,
        )
        self.ax.annotate(
            "\n".join(lines),
            (0, 1),
            xycoords="axes fraction",
            xytext=(0, 4),
            textcoords="offset points",
            fontsize=NOTE,
            color=self.colours.faint,
            va="bottom",
            annotation_clip=False,
            in_layout=False,  # it is wrapped already, and the title leaves room for it
        )

    def legend(self, handles: Sequence[Any], ax: Any = None, title: str | None = None) -> None:
        """Explain the marks beside the axes, where they hide nothing."""
        if not handles:
            return
        made = (ax or self.ax).legend(
            handles=handles,
            title=title,
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            fontsize=TICK,
            title_fontsize=TICK,
            frameon=False,
            labelcolor=self.colours.text,
        )
        made.get_title().set_color(self.colours.text)
        made.get_title().set_multialignment("left")

    def bar(self, mappable: Any, label: str) -> Any:
        """Draw the scale of a colour map."""
        if self._bar is None:
            bar = self.ax.figure.colorbar(mappable, ax=self.ax, pad=0.02, fraction=0.05)
        else:
            bar = self.ax.figure.colorbar(mappable, cax=self._bar)
        bar.set_label(label, color=self.colours.text, fontsize=LABEL)
        bar.ax.tick_params(
            which="both", colors=self.colours.faint, labelcolor=self.colours.text, labelsize=TICK
        )
        bar.outline.set_visible(False)
        if bar.solids is not None:
            bar.solids.set_alpha(1)
        return bar

    def mark(self, label: str, colour: str, marker: str = "o", **more: Any) -> Any:
        """Return a handle of the legend; names in its label are `shown`."""
        from matplotlib.lines import Line2D

        style = {"linestyle": "none", "markersize": 6, "color": colour, "marker": marker}
        return Line2D([], [], label=label, **{**style, **more})


def shown(text: str, most: int = MOST_OF_A_NAME) -> str:
    r"""Return text of a study's as matplotlib draws it as it is, cut in its middle with ``…``.

    A ``$`` would begin a formula, and a label that begins with ``_`` would be left out of legends.
    """
    plain = " ".join(printable(text[:LONGEST]).split())
    if len(plain) > most:
        tail = (most - 1) // 2  # names of layers differ at their ends
        plain = f"{plain[: most - 1 - tail]}…{plain[-tail:]}"
    plain = plain.replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") or not plain else plain


def _new_axes(size: tuple[float, float], ground: str) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "reports", "a figure of a study") from None
    options: Any = {"figsize": size, "layout": "constrained", "facecolor": ground}
    if "matplotlib.pyplot" in sys.modules or "ipykernel" in sys.modules:
        from matplotlib import pyplot

        return pyplot.figure(**options).add_subplot()
    return Figure(**options).add_subplot()


def _checked(ax: Any) -> Any:
    if not hasattr(ax, "get_subplotspec"):
        raise SettingError(
            f"ax must be one Axes of matplotlib, but got {type(ax).__name__}: leave it out for a "
            "new figure"
        )
    return ax
