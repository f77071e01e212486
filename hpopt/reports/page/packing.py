"""A study's arrays as a page takes them: few bytes each, deflated, and its texts as JSON data.

An array is bytes of one type, of which the browser makes ``offset + scale * number``; those of
``delta`` are added up first. Byte k of all numbers comes before byte k + 1 of any (a shuffle, as in
HDF5): signs and exponents, which are alike, then deflate to almost nothing. All arrays of a study
are one stream.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.core import STATUSES
from hpopt.reports.columns import Column
from hpopt.reports.data import StudyData
from hpopt.reports.importance import Importance

Floats = NDArray[np.float64]

EXACT = 20_000
"""Trials up to which numbers keep all digits: 12 parameters then take 2 MB."""

KEPT_BITS = 17  # of 23 in a mantissa: a relative error of 4e-6, less than five digits show
TINY, HUGE = 1e-37, 1e37  # beyond, a float of four bytes is 0 or infinite

CLOCK = 1e-3  # seconds: a millisecond of a trial's start is enough for its bar

MOST_WHOLE = 2.0**53  # whole numbers beyond are not all floats

LEVEL = 6
"""Of zlib: 9 takes three times as long and saves 1 %."""

MOST_OF_A_TEXT = 2_000
"""Characters of a name, a choice or an error in a page: what a person may read of it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An array as bytes, and how it is read."""

    how: dict[str, Any]
    bytes: bytes = b""


def packed_study(data: StudyData, rows: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """Return a study as JSON data: for `hpopt.show` and `hpopt.update` in a browser.

    Parameters
    ----------
    data : StudyData
    rows : ndarray of int, optional
        Of the trials to pack; by default all. An update has those that are new or have changed.

    Returns
    -------
    dict

        Its keys are ``name``, ``n``, ``objectives``, ``metrics``, ``columns``, ``statuses``,
        ``causes``, ``workers``, ``fidelity``, ``constraints``, ``best`` and ``front`` (numbers of
        trials), ``arrays`` (how each is read) and ``blob`` (base64 of the deflated bytes).
    """
    chosen = np.arange(len(data)) if rows is None else np.asarray(rows)
    arrays = [_packed(name, values) for name, values in _arrays(data, chosen).items()]
    stream = zlib.compress(b"".join(each.bytes for each in arrays), LEVEL)
    best = data.best
    return {
        "name": cut(data.name),
        "n": len(chosen),
        "objectives": [
            {"name": cut(each.name), "direction": each.direction} for each in data.objectives
        ],
        "metrics": [cut(name) for name in data.values],
        "columns": [_column(each) for each in data.columns],
        "statuses": list(STATUSES),
        "causes": [
            {"status": each.status, "error": cut(each.error), "first": each.first}
            for each in data.causes
        ],
        "workers": [cut(name) for name in data.worker_names],
        "fidelity": None if data.fidelity is None else cut(data.fidelity.name),
        "constraints": [cut(str(each)) for each in data.constraints],
        "best": None if best is None else int(data.numbers[best]),
        "front": data.numbers[data.on_front].tolist() if len(data.objectives) > 1 else [],
        "arrays": [each.how for each in arrays],
        "blob": base64.b64encode(stream).decode("ascii"),
    }


def cut(text: str) -> str:
    """Return the beginning of a long text, and how long it is."""
    if len(text) <= MOST_OF_A_TEXT:
        return text
    return f"{text[:MOST_OF_A_TEXT]} … ({len(text)} characters)"


def packed_importance(found: Mapping[str, Importance], data: StudyData) -> dict[str, Any]:
    """Return what mattered to each objective as JSON data, for the page's charts."""
    places = {each.name: k for k, each in enumerate(data.columns)}
    return {
        cut(name): {
            "shares": [
                {
                    "name": cut(each.name),
                    "column": places[each.name],
                    "share": each.share,
                    "low": each.low,
                    "high": each.high,
                }
                for each in importance.shares
            ],
            "pair": [places[each] for each in importance.pairs[0].names]
            if importance.pairs
            else None,
            "marginals": {
                str(places[each.name]): [
                    [_short(number) for number in numbers]
                    for numbers in (each.at, each.value, each.low, each.high)
                ]
                for each in importance.marginals.values()
            },
        }
        for name, importance in found.items()
    }


def _short(number: float) -> float:
    return float(f"{number:.6g}")


def _arrays(data: StudyData, rows: NDArray[np.int64]) -> dict[str, Packed]:
    small = len(rows) <= EXACT
    started = data.started[rows]
    start = float(np.nanmin(started, initial=np.inf))
    start = start if np.isfinite(start) else 0.0
    found = {
        "number": _deltas(data.numbers[rows].astype(float), 0.0, 1.0),
        "status": _numbers(data.status[rows].astype(float), small),
        "started": _deltas(started, start, CLOCK),
        "seconds": _numbers(data.seconds[rows], small),
        "memory": _numbers(data.memory[rows], small),
        "fidelity": _numbers(data.fidelities[rows], small),
        "reached": _numbers(data.reached[rows], small),
        "generation": _numbers(_known(data.generations[rows]), small),
        "worker": _numbers(_known(data.workers[rows]), small),
        "cause": _numbers(_known(data.cause[rows]), small),
        "feasible": _numbers(data.is_feasible[rows].astype(float), small),
    }
    if data.constraints:
        found["worth"] = _numbers(data.worth[rows], small)
    objectives = {each.name for each in data.objectives}
    for k, (name, values) in enumerate(data.values.items()):
        found[f"value {k}"] = _numbers(values[rows], small, is_ranked=name in objectives)
    for k, column in enumerate(data.columns):
        found[f"column {k}"] = _numbers(column.values[rows], small)
    return found


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": cut(column.name),
        "kind": column.kind,
        "low": column.low,
        "high": column.high,
        "log": column.log,
        "always": column.is_always_active,
        "choices": [cut(each) for each in column.choices],
    }


def _known(places: NDArray[np.int64]) -> Floats:
    return np.where(places < 0, np.nan, places.astype(float))


def _packed(name: str, array: Packed) -> Packed:
    return Packed({"name": name, **array.how}, array.bytes)


def _numbers(values: Floats, small: bool, *, is_ranked: bool = False) -> Packed:
    """Pack numbers in the fewest bytes that keep what is said of them; nan is a code of its own."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Packed({"type": "none"})
    low, high = known.min(), known.max()
    if low == high and len(known) == len(values) and np.isfinite(low):
        return Packed({"type": "same", "offset": float(low)})
    is_small = low > -MOST_WHOLE and high < MOST_WHOLE and high - low < 65_535
    if is_small and (known % 1 == 0).all():
        kind = "u1" if high - low < 255 else "u2"
        none = 255 if kind == "u1" else 65_535
        codes = np.where(np.isnan(values), none, values - low).astype(f"<{kind}")
        return Packed({"type": kind, "offset": float(low), "none": none}, _shuffled(codes))
    sizes = np.abs(known[np.isfinite(known) & (known != 0)])
    if small or (len(sizes) and not TINY < sizes.min() <= sizes.max() < HUGE):
        return Packed({"type": "f8"}, _shuffled(values.astype("<f8")))
    short = values.astype("<f4")
    return Packed({"type": "f4"}, _shuffled(short if is_ranked else _rounded(short)))


def _rounded(short: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round mantissas: bits that are all 0 take no room."""
    drop = np.uint32(23 - KEPT_BITS)
    half, mask = np.uint32(1) << (drop - 1), ~((np.uint32(1) << drop) - np.uint32(1))
    bits = short.view("<u4")
    return np.where(np.isnan(short), short, ((bits + half) & mask).view("<f4"))


def _deltas(values: Floats, offset: float, scale: float) -> Packed:
    """Pack numbers that grow, by their steps."""
    with np.errstate(all="ignore"):
        steps = np.diff(np.round((values - offset) / scale), prepend=0.0)
    if not (np.abs(steps) < 2**31).all():  # also where one is nan
        return Packed({"type": "f8"}, _shuffled(values.astype("<f8")))
    how = {"type": "i4", "offset": offset, "scale": scale, "delta": True}
    return Packed(how, _shuffled(steps.astype("<i4")))


def _shuffled(array: NDArray[Any]) -> bytes:
    size = array.dtype.itemsize
    planes: bytes = np.ascontiguousarray(array).view(np.uint8).reshape(-1, size).T.tobytes()
    return planes
