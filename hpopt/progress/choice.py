"""Which display a run gets."""

from __future__ import annotations

import sys
from typing import TextIO

from hpopt.progress.bar import Bar
from hpopt.progress.display import ProgressDisplay, Silent
from hpopt.progress.lines import Lines
from hpopt.progress.notebook import Notebook, is_notebook


def make_display(
    progress: bool | ProgressDisplay, stream: TextIO | None = None, *, with_result: bool = True
) -> ProgressDisplay:
    """Choose: in a notebook one output, on a terminal a bar, else lines; or nothing.

    Parameters
    ----------
    progress : bool or ProgressDisplay
        Whether to show anything; or what to show it with.
    stream : text stream, optional
        By default stderr.
    with_result : bool
        Whether a bar shows the best trials at the end.
    """
    if isinstance(progress, ProgressDisplay):
        return progress
    if not progress:
        return Silent()
    if stream is None and is_notebook():
        return Notebook()
    is_terminal = (sys.stderr if stream is None else stream).isatty()
    return Bar(stream, with_result=with_result) if is_terminal else Lines(stream)
