"""The entry point: parse, perform, and turn errors into a line and an exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence

from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.json_output import error_as_json
from hpopt.cli.parser import make_parser
from hpopt.cli.streams import open_missing, patient_stderr
from hpopt.errors import ExhaustedError, HpoptError, WaitingError
from hpopt.terminal import printable

CODES = ((ExhaustedError, ExitCode.NOTHING_LEFT), (WaitingError, ExitCode.NOT_YET))


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
        return _failed(arguments, ExitCode.INTERRUPTED, "interrupted")
    except (HpoptError, OSError) as error:
        code = next((code for kind, code in CODES if isinstance(error, kind)), ExitCode.ERROR)
        return _failed(arguments, code, f"error: {error}", error)


def _failed(
    arguments: argparse.Namespace, code: ExitCode, message: str, error: Exception | None = None
) -> ExitCode:
    if arguments.debug:
        traceback.print_exc()
    if error is not None and getattr(arguments, "json", False):
        message = error_as_json(error, str(error), code)
    sys.stderr.write(f"{printable(message)}\n")
    return code
