"""The entry point: parse, perform, and turn errors into a line and an exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence

from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.parser import make_parser
from hpopt.cli.streams import open_missing, patient_stderr
from hpopt.errors import HpoptError
from hpopt.terminal import printable


def main(argv: Sequence[str] | None = None) -> int:
    """Perform one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit code, see `ExitCode`.

    Raises
    ------
    SystemExit
        The arguments are wrong (2), or asked for help or the version (0).
    """
    open_missing()
    with patient_stderr():
        parser = make_parser()
        arguments = parser.parse_args(argv)
        if arguments.perform is None:
            parser.print_help()
            return ExitCode.DONE
        return _performed(arguments)


def _performed(arguments: argparse.Namespace) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that this terminal cannot show
    try:
        code: ExitCode = arguments.perform(arguments)
        sys.stdout.flush()  # here, where a pipe without a reader can still be handled
        return code
    except BrokenPipeError:
        # The interpreter flushes stdout once more when it ends: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except KeyboardInterrupt:
        return _failed("interrupted", ExitCode.INTERRUPTED, debug=arguments.debug)
    except (HpoptError, OSError) as error:
        return _failed(f"error: {error}", ExitCode.ERROR, debug=arguments.debug)


def _failed(message: str, code: ExitCode, *, debug: bool) -> ExitCode:
    if debug:
        traceback.print_exc()
    sys.stderr.write(f"{printable(message)}\n")
    return code
