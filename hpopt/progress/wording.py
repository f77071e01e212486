"""The state of a running study in words."""

from __future__ import annotations

import math
import textwrap

from hpopt.digits import in_digits
from hpopt.progress.display import Snapshot
from hpopt.sheets import config_in_short


def in_one_line(snapshot: Snapshot, *, ended: bool = False, with_config: bool = True) -> str:
    """Return the state in one line."""
    has_best = snapshot.best is not None or snapshot.nearest
    best = f"; {best_in_words(snapshot, with_config=with_config)}" if has_best else ""
    return f"{count_in_words(snapshot, ended=ended)}{best}"


def count_in_words(snapshot: Snapshot, *, ended: bool = False) -> str:
    """Return how far the study is in words, and how much time is left where it goes on."""
    # A study may have more trials than a later run's smaller budget: "25/20" would be no share.
    total = f"/{int(snapshot.total)}" if snapshot.n_done <= snapshot.total < math.inf else ""
    parts = [f"{snapshot.n_done}{total} trials"]
    if snapshot.n_bad:
        parts.append(f"{snapshot.n_bad} failed")
    if snapshot.n_running > 1:  # one is what everybody expects
        parts.append(f"{snapshot.n_running} running")
    parts.append(duration(snapshot.seconds))
    if snapshot.spent:
        parts.append(snapshot.spent)
    if 0 < snapshot.remaining < math.inf and not ended:
        parts.append(f"{duration(snapshot.remaining)} left")
    return ", ".join(parts)


def best_in_words(snapshot: Snapshot, *, with_config: bool = True) -> str:
    """Return the best value and its config in words."""
    best = snapshot.best
    if best is None:
        return snapshot.nearest or "no value yet"
    value = in_digits(best.values[snapshot.objective.name])
    at = best.solution.fidelity
    level = f" at {in_digits(at)}" if at is not None and snapshot.spent else ""
    found = f"best {snapshot.objective.name} {value} (trial {best.number}{level})"
    return f"{found}: {config_in_short(best.solution.config)}" if with_config else found


def trying_in_words(snapshot: Snapshot) -> str:
    """Return what is being evaluated, and its last report; empty where nothing is."""
    trying = snapshot.trying
    if trying is None:
        return ""
    level = "" if trying.fidelity is None else f" at {in_digits(trying.fidelity)}"
    report = ""
    if snapshot.report is not None:
        step, value = map(in_digits, snapshot.report)
        report = f", step {step}: {value}"
    return f"trying (trial {trying.number}{level}{report}): {config_in_short(trying.config)}"


def lines_below(snapshot: Snapshot) -> list[str]:
    """Return what stands below a bar: the best, what is being tried, and what the strategy does."""
    has_best = snapshot.best is not None or snapshot.nearest
    best = best_in_words(snapshot) if has_best else ""
    return [line for line in (best, trying_in_words(snapshot), snapshot.doing) if line]


def wrapped_at_words(text: str, width: int, most: int) -> list[str]:
    """Return the words of a text that so many lines of so many characters have room for."""
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        max_lines=most,
        placeholder=" …",
        break_on_hyphens=False,
        break_long_words=False,
    )


def duration(seconds: float) -> str:
    """Write a duration as 0:07, 12:34 or 3:12:34."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
