"""What commands write as JSON: results, warnings and errors, each on one line."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from hpopt.errors import StudyWarning


def as_json(data: Any) -> str:
    """Return data as JSON on one line; numbers that JSON does not have are null."""
    try:
        return json.dumps(data, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(data), allow_nan=False)


def _finite(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data


def error_as_json(error: BaseException, message: str, code: int) -> str:
    """Return what stderr says of an error where results are JSON."""
    return as_json({"error": {"type": type(error).__name__, "message": message}, "exit_code": code})


@contextlib.contextmanager
def warnings_as_json() -> Iterator[None]:
    """Write what a study warns of as lines of JSON on stderr."""
    show = warnings.showwarning

    def note(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, StudyWarning):
            sys.stderr.write(as_json({"warning": str(message)}) + "\n")
        else:
            show(message, category, *place, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("always", StudyWarning)
        warnings.showwarning = note
        yield
