"""Figures of a study, drawn by matplotlib.

Each takes a study that may be running, or its data (`hpopt.reports.reader.read_data`: read them
once for several figures of a large study), and returns the Axes that it has drawn on.
"""

from hpopt.reports.plots.contour import contour
from hpopt.reports.plots.front import front
from hpopt.reports.plots.generations import generations
from hpopt.reports.plots.learning_curves import learning_curves
from hpopt.reports.plots.lineage import lineage
from hpopt.reports.plots.parallel import parallel_coordinates
from hpopt.reports.plots.progress import progress
from hpopt.reports.plots.saving import ENDINGS, KINDS, save, save_all
from hpopt.reports.plots.settings import settings
from hpopt.reports.plots.shares import importance
from hpopt.reports.plots.slices import slices
from hpopt.reports.plots.timeline import timeline

__all__ = [
    "ENDINGS",
    "KINDS",
    "contour",
    "front",
    "generations",
    "importance",
    "learning_curves",
    "lineage",
    "parallel_coordinates",
    "progress",
    "save",
    "save_all",
    "settings",
    "slices",
    "timeline",
]
