"""What the exit code of a command says; scripts rely on it."""

from __future__ import annotations

from enum import IntEnum

EXPLAINED = """\
exit codes:
  0    done
  1    an error; a line on stderr says what to do (--debug shows the traceback)
  2    wrong usage of the command line
  3    no trial has values, or none meets all constraints, so there is no best
       one; or the first trials all failed alike
  4    nothing is left to ask: the trials are used up, a target is reached, or
       all has been tried
  5    nothing to ask yet: the strategy needs results of pending trials first
  130  Ctrl-C: once, when the running trials had been finished; twice, at once.
       Nothing is lost either way: go on with 'hpopt resume STUDY'
"""


class ExitCode(IntEnum):
    """How a command ended; 2, wrong usage, is argparse's own."""

    DONE = 0
    ERROR = 1
    NO_VALUES = 3
    NOTHING_LEFT = 4
    NOT_YET = 5
    INTERRUPTED = 130
