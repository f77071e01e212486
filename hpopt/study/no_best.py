"""Why a study has no best trial, in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from hpopt.core import Trial
from hpopt.core.evaluation import shorten
from hpopt.errors import NoValuesError
from hpopt.study.failures import MOST_SHOWN


def no_values(counts: Mapping[str, int], trials: Iterable[Trial]) -> NoValuesError:
    """Return the error for a study of which no trial has values, which says why."""
    found = {status: n for status, n in counts.items() if n and status != "pending"}
    if not found:
        return NoValuesError(
            "a best trial must have values, but no trial has finished: run some first"
        )
    last = deque(trials, maxlen=1).pop()
    said = ", ".join(f"{n} {status}" for status, n in found.items())
    error = shorten(last.error or last.status, MOST_SHOWN)
    again = ""
    if found.keys() & {"failed", "lost"}:
        again = ". Failed trials are evaluated again with retry_failed=True (--retry-failed)"
    return NoValuesError(
        f"a best trial must have values, but no trial has any ({said}); the last error, of "
        f"trial {last.number}, was {error}{again}"
    )
