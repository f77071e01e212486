"""Show a running study: a bar on a terminal, one output in a notebook, else lines, or nothing."""

from hpopt.progress.bar import Bar
from hpopt.progress.choice import make_display
from hpopt.progress.display import ProgressDisplay, Silent, Snapshot
from hpopt.progress.lines import Lines
from hpopt.progress.notebook import Notebook
from hpopt.progress.wording import duration

__all__ = [
    "Bar",
    "Lines",
    "Notebook",
    "ProgressDisplay",
    "Silent",
    "Snapshot",
    "duration",
    "make_display",
]
