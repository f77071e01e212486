"""``hpopt show --follow``: look at a study until nobody runs it any more."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hpopt.cli.exit_codes import ExitCode
from hpopt.digits import in_digits
from hpopt.progress import duration
from hpopt.reports import words
from hpopt.reports.digest import Digest, digest
from hpopt.reports.printing import write
from hpopt.reports.tables import summary
from hpopt.storage import writer_of
from hpopt.study import Record
from hpopt.terminal import printable

PERIOD_SECONDS = 1.0  # as often as a running trial writes its state twice
MOST_OF_THE_TIME = 10
"""The pause between two readings, in reading times: a long study is not read all the time."""

QUIET_SECONDS = 10.0  # as the progress lines of a run: a log of an hour has 360
MOST_NAMED = 4  # running trials on a line of some 150 characters


def follow(record: Record, path: Path, top: int | None) -> ExitCode:
    """Show a study's state again and again: in place on a terminal, elsewhere line by line."""
    if writer_of(path) is None:
        sys.stderr.write(
            printable(f"hpopt: no process is running {path}; this is how it was left\n")
        )
    elif sys.stdout.isatty():
        _redraw(record, path, top)
    else:
        _print_lines(record, path)
    write(summary(record, top=top, path=path, writer=writer_of(path)))
    return ExitCode.DONE


def _redraw(record: Record, path: Path, top: int | None) -> None:
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(), auto_refresh=False, transient=True) as live:
        for _ in _rounds(path):
            shown = summary(record, top=top, path=path, writer=writer_of(path))
            live.update(shown, refresh=True)


def _print_lines(record: Record, path: Path) -> None:
    """Write a line whenever a trial has finished, and now and then what runs meanwhile."""
    n_done, shown = -1, time.monotonic()
    for _ in _rounds(path):
        read = digest(record, n_best=1)
        if read.n_done != n_done or time.monotonic() - shown >= QUIET_SECONDS:
            n_done, shown = read.n_done, time.monotonic()
            line = f"{words.moment(time.time())} {_in_one_line(record, read)}"
            sys.stdout.write(f"{printable(line)}\n")
            sys.stdout.flush()


def _rounds(path: Path) -> Iterator[None]:
    while writer_of(path) is not None:
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        time.sleep(max(PERIOD_SECONDS, MOST_OF_THE_TIME * took))


def _in_one_line(record: Record, read: Digest) -> str:
    parts = [", ".join(f"{n} {status}" for status, n in read.counts.items()) or "none finished"]
    running = record.running
    if running:
        named = []
        for each in running[:MOST_NAMED]:
            lasted, step, value, _ = words.running(each)
            report = f", step {step}: {value}" if step else ""
            named.append(f"{each.number} ({lasted}{report})")
        more = ", …" if len(running) > MOST_NAMED else ""
        parts.append(f"{len(running)} running: {', '.join(named)}{more}")
    if read.best and not read.ranking.is_feasible(read.best[0]):
        parts.append(read.ranking.nearest_in_words(read.best[0]))
    elif read.best:
        objective, best = record.objectives[0], read.best[0]
        value = in_digits(best.values[objective.name])
        parts.append(f"best {objective.name} {value} (trial {best.number})")
    parts.append(f"{duration(read.seconds)} of evaluation")
    return "; ".join(parts)
