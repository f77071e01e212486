"""Figures as files."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.errors import MissingExtraError, SettingError, UnknownNameError
from hpopt.reports.plots.contour import contour
from hpopt.reports.plots.front import front
from hpopt.reports.plots.generations import generations
from hpopt.reports.plots.learning_curves import learning_curves
from hpopt.reports.plots.lineage import lineage
from hpopt.reports.plots.parallel import parallel_coordinates
from hpopt.reports.plots.progress import progress
from hpopt.reports.plots.settings import settings
from hpopt.reports.plots.shares import importance
from hpopt.reports.plots.slices import slices
from hpopt.reports.plots.timeline import timeline
from hpopt.reports.plots.views import Shown, data_of
from hpopt.reports.source import Source

KINDS: Mapping[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        progress,
        parallel_coordinates,
        settings,
        slices,
        contour,
        importance,
        front,
        learning_curves,
        generations,
        lineage,
        timeline,
    )
}
"""The figures by name."""

ENDINGS = (".png", ".svg", ".pdf")
RESOLUTION = 150  # points of an inch of a PNG: sharp on a page and on most screens


def save(study: Shown, kind: str, path: str | Path, *, dark: bool = False, **options: Any) -> None:
    """Draw a figure into a file.

    Parameters
    ----------
    study : Record, Study, Result or StudyData
    kind : str
        One of `KINDS`.
    path : path
        Its ending says the form: ``.png``, ``.svg`` or ``.pdf``.
    dark : bool
        For dark ground.
    **options
        Of the figure.

    Raises
    ------
    SettingError, UnknownNameError
        The study has no such figure, or a name or an ending is unknown.
    MissingExtraError
        matplotlib is not installed.
    """
    if kind not in KINDS:
        raise UnknownNameError("figure", kind, KINDS)
    path, known = checked_path(path), inspect.signature(KINDS[kind]).parameters
    for name in options:
        if name not in known:
            of_it = ", ".join(each for each in known if each not in ("study", "ax"))
            raise SettingError(f"{kind} has no option {name!r}: it has {of_it}")
    _save(KINDS[kind], study, path, dark, options)


def save_all(
    study: Source, folder: str | Path, *, ending: str = ".png", dark: bool = False
) -> dict[str, str]:
    """Draw all figures that a study has into a folder, which is made.

    Returns
    -------
    dict of str to str
        Name of each figure that the study does not have → why.

    Raises
    ------
    SettingError
        The study has none, or the ending is unknown.
    MissingExtraError
        matplotlib is not installed.
    """
    folder = Path(folder)
    checked_path(folder / f"figure{ending}")
    data, missing = data_of(study), {}
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in KINDS.items():
        try:
            if draw is learning_curves:  # the data have no reports of trials
                _save(draw, study, folder / f"{name}{ending}", dark, {"data": data})
            else:
                _save(draw, data, folder / f"{name}{ending}", dark, {})
        except SettingError as error:
            missing[name] = str(error)
    if len(missing) == len(KINDS):
        raise SettingError(next(iter(missing.values())))
    return missing


def checked_path(path: str | Path) -> Path:
    """Return a path with an ending that a figure can have."""
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise SettingError(
            f"a figure's file must end in {', '.join(ENDINGS)}, but got {path.name!r}"
        )
    return path


def _save(draw: Any, study: Any, path: Path, dark: bool, options: Mapping[str, Any]) -> None:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        raise MissingExtraError("matplotlib", "reports", "a figure of a study") from None
    from matplotlib import rc_context

    with warnings.catch_warnings(), np.errstate(all="ignore"):  # ticks of 1e308 overflow
        # A letter that no font here has is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        drawn = draw(study, dark=dark, **options)
        figure = getattr(drawn, "figure", None) or drawn[0].figure
        try:
            FigureCanvasAgg(figure)
            figure.get_layout_engine().execute(figure)
            figure.set_layout_engine("none")  # savefig would lay it out, and draw it, once more
            # The same study gives the same file.
            with rc_context({"svg.hashsalt": "hpopt"}):
                figure.savefig(
                    path,
                    dpi=RESOLUTION,
                    facecolor=figure.get_facecolor(),
                    metadata={".png": None, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[
                        path.suffix.lower()
                    ],
                )
        finally:
            if "matplotlib.pyplot" in sys.modules:
                from matplotlib import pyplot

                pyplot.close(figure)
