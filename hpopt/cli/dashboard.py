"""``hpopt dashboard``: studies as a live page in a browser."""

from __future__ import annotations

import argparse
import contextlib
import sys
import webbrowser
from pathlib import Path

from hpopt.cli.exit_codes import ExitCode
from hpopt.study import Study
from hpopt.terminal import printable


def dashboard(arguments: argparse.Namespace) -> ExitCode:
    """Serve studies as a live page until Ctrl-C."""
    from hpopt.reports.dashboard import Dashboard, Settings, studies_of, warn_of_remote

    settings = Settings(
        arguments.host,
        arguments.port,
        allow_remote=arguments.allow_remote,
        allow_hosts=arguments.allow_host,
        with_token=arguments.token,
    )
    studies = studies_of(map(Path, arguments.studies), Study.load)
    served = Dashboard(studies, settings)
    warn_of_remote(settings)

    def when_ready() -> None:
        names = ", ".join(path.name for path in studies)
        sys.stdout.write(printable(f"{names}: {served.url}\n"))
        sys.stderr.write("hpopt: read-only, also while the study runs; Ctrl-C ends it\n")
        sys.stdout.flush()
        if arguments.open:
            webbrowser.open(served.url)

    with contextlib.suppress(KeyboardInterrupt):
        served.run(when_ready)
    return ExitCode.DONE
