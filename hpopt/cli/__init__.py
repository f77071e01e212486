"""The command line: ``hpopt run | resume | ask | tell | show | best | export`` and others.

Scripts may rely on the exit codes (`ExitCode`):

====  =====================================================================================
0     done; also when the reader of a pipe wanted no more (``hpopt export … | head``)
1     an error: one line on stderr says what must hold, what was got, and what to do
2     wrong usage: an unknown command or option, or a value that is not of its kind
3     no trial has values: there is no best one
4     nothing is left to ask
5     nothing to ask yet: the strategy needs results first
130   Ctrl-C: once, when the running trials had been finished; twice, at once. Nothing is lost
      either way, and ``hpopt resume`` goes on
====  =====================================================================================

``--debug`` shows the traceback of an error too. Results go to stdout, everything else to stderr,
but what an evaluation prints is kept with its trial.
"""

from hpopt.cli.entry import main
from hpopt.cli.exit_codes import ExitCode

__all__ = ["ExitCode", "main"]
