"""Numbers, configs, parameters and optimizers in few words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hpopt.optimizers import BY_NAME
from hpopt.progress import duration
from hpopt.space import Parameter, Space
from hpopt.storage.running import Running

MOST_LISTED = 8  # choices: a line; of more, three and the last say what they are


def number(value: float) -> str:
    """Write a number with six digits; a whole one with all of its digits."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else f"{value:.6g}"


def values(named: Mapping[str, float], without: Iterable[str] = ()) -> str:
    """Write named numbers in a line."""
    left_out = set(without)
    return ", ".join(f"{k} {number(v)}" for k, v in named.items() if k not in left_out)


def report(value: float | Mapping[str, float]) -> str:
    """Write what was reported at one step."""
    return values(value) if isinstance(value, Mapping) else number(value)


def as_json(value: Any) -> str:
    """Write a config, or one value of it, as JSON that can be copied."""
    return json.dumps(value, default=str, ensure_ascii=False)


def moment(seconds: float) -> str:
    """Write a time since the epoch as a local date and time."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (ValueError, OverflowError, OSError):  # no year that the calendar has
        return f"{seconds:g} seconds after 1970"


def running(each: Running) -> list[str]:
    """Return for how long a trial has run, its last report (two), and where it runs, as texts."""
    lasted = "" if each.since is None else duration(max(0.0, time.time() - each.since))
    seen = each.seen
    if seen is None:
        return [lasted, "", "", ""]
    gpu = f", GPU {seen.gpu}" if seen.gpu else ""
    step = "" if seen.step is None else number(seen.step)
    value = "" if seen.value is None else number(seen.value)
    process = f", process {seen.pid}" if seen.pid else ""
    return [lasted, step, value, f"{seen.host}{process}{gpu}"]


def numbers(several: Sequence[int]) -> str:
    """List numbers, the first ten of them."""
    shown = ", ".join(map(str, several[:10]))
    return f"{shown}, … ({len(several)})" if len(several) > 10 else shown


def space(whole: Space) -> list[tuple[str, str]]:
    """Return each parameter's name and what may be chosen for it."""
    return [(name, parameter(each)) for name, each in whole.items()]


def parameter(each: Parameter) -> str:
    """Return what may be chosen for a parameter, in words, by its JSON data."""
    settings = each.to_json()
    kind, when = settings["type"], settings.get("when", {})
    layer = getattr(each, "layer", None)
    listed = settings.get("values", settings.get("choices"))
    if isinstance(layer, Space):
        inside = "; ".join(f"{name}: {what}" for name, what in space(layer))
        said = f"{settings['min_length']} to {settings['max_length']} of ({inside})"
    elif listed is not None:
        said = _listed(listed, " < " if kind == "ordinal" else " | ")
    else:
        said = f"{kind} {settings.get('low')} … {settings.get('high')}"
        said += f", step {settings['step']}" if settings.get("step") is not None else ""
        said += ", log" if settings.get("log") else ""
    conditions = " and ".join(f"{name} is {_listed(v, ' or ')}" for name, v in when.items())
    return f"{said} (where {conditions})" if conditions else said


def optimizer(described: Mapping[str, Any]) -> str:
    """Return an optimizer's name and the settings that are not its defaults."""
    name, settings = described["name"], described.get("settings", {})
    defaults: Mapping[str, Any] = BY_NAME[name]().settings() if name in BY_NAME else {}
    chosen = [f"{k} {v}" for k, v in settings.items() if k not in defaults or defaults[k] != v]
    return f"{name} ({', '.join(chosen)})" if chosen else str(name)


def _listed(several: Sequence[Any], separator: str) -> str:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in several]
    if len(texts) > MOST_LISTED:
        texts = [*texts[:3], "…", texts[-1], f"({len(texts)})"]
    return separator.join(texts)
