"""Values, reports, moments and optimizers in few words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpopt.digits import in_digits
from hpopt.optimizers import BY_NAME
from hpopt.progress import duration
from hpopt.storage.running import Running


def values(named: Mapping[str, float], without: Iterable[str] = ()) -> str:
    """Write named numbers in a line."""
    left_out = set(without)
    return ", ".join(f"{k} {in_digits(v)}" for k, v in named.items() if k not in left_out)


def report(value: float | Mapping[str, float]) -> str:
    """Write what was reported at one step."""
    return values(value) if isinstance(value, Mapping) else in_digits(value)


def as_json(value: Any) -> str:
    """Write a config, or one value of it, as JSON that can be copied."""
    return json.dumps(value, default=str, ensure_ascii=False)


def moment(seconds: float) -> str:
    """Write a time since the epoch as a local date and time."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (ValueError, OverflowError, OSError):  # no year that the calendar has
        return f"{seconds:g} seconds after 1970"


def place(path: Path | None) -> str:
    """Write where a study is kept, from the current folder where it lies in it."""
    if path is None:
        return "in memory"
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the current folder is gone
        return str(path)


def running(each: Running) -> list[str]:
    """Return for how long a trial has run, its last report (two), and where it runs, as texts."""
    lasted = "" if each.since is None else duration(max(0.0, time.time() - each.since))
    seen = each.seen
    if seen is None:
        return [lasted, "", "", ""]
    gpu = f", GPU {seen.gpu}" if seen.gpu else ""
    step = "" if seen.step is None else in_digits(seen.step)
    value = "" if seen.value is None else in_digits(seen.value)
    process = f", process {seen.pid}" if seen.pid else ""
    return [lasted, step, value, f"{seen.host}{process}{gpu}"]


def numbers(several: Sequence[int]) -> str:
    """List numbers, the first ten of them."""
    shown = ", ".join(map(str, several[:10]))
    return f"{shown}, … ({len(several)})" if len(several) > 10 else shown


def optimizer(described: Mapping[str, Any]) -> str:
    """Return an optimizer's name and the settings that are not its defaults."""
    name, settings = described["name"], described.get("settings", {})
    defaults: Mapping[str, Any] = BY_NAME[name]().settings() if name in BY_NAME else {}
    chosen = [f"{k} {v}" for k, v in settings.items() if k not in defaults or defaults[k] != v]
    return f"{name} ({', '.join(chosen)})" if chosen else str(name)
