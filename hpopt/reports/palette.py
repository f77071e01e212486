"""Colours of pictures and pages, told apart by everybody, on light and on dark ground.

Okabe & Ito 2008, "Color universal design", https://jfly.uni-koeln.de/color/; on dark ground the
blue and the green are lighter. A mark never differs from another by its colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one ground, as ``#rrggbb``.

    Attributes
    ----------
    ground, text, faint, grid : str
        Of what is drawn on, of words, of what is beside the point, and of lines of a grid.
    trial, best, stopped, failed : str
        Of trials with values, the best, those that were stopped early, and failed ones.
    series : tuple of str
        Of things side by side, such as studies, choices or layers, in this order.
    ramp : str
        Name of the colour map of numbers, in matplotlib.
    """

    ground: str
    text: str
    faint: str
    grid: str
    trial: str
    best: str
    stopped: str
    failed: str
    series: tuple[str, ...]
    ramp: str


LIGHT = Palette(
    ground="#ffffff",
    text="#1f2328",
    faint="#6b7280",
    grid="#e5e7eb",
    trial="#0072b2",
    best="#d55e00",
    stopped="#8c8c8c",
    failed="#a3437f",
    series=("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a6a00", "#555555"),
    ramp="viridis",
)

DARK = Palette(
    ground="#14171c",
    text="#e6e8eb",
    faint="#9aa3af",
    grid="#2b3038",
    trial="#56b4e9",
    best="#ff9248",
    stopped="#8f959e",
    failed="#e394c2",
    series=("#56b4e9", "#e69f00", "#2fc79a", "#e394c2", "#9ad1f5", "#ff9248", "#f0e442", "#b8bec7"),
    ramp="viridis",
)
