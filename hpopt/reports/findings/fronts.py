"""The front of several objectives: its size, its ends, and its bend."""

from __future__ import annotations

import numpy as np

from hpopt.digits import in_digits
from hpopt.numerics import pareto
from hpopt.reports.data import StudyData
from hpopt.reports.findings.parts import FrontPart
from hpopt.reports.phrases import listed, trials


def front_of(data: StudyData) -> FrontPart | None:
    """Return the front; None for one objective."""
    if len(data.objectives) < 2:
        return None
    rows = np.flatnonzero(data.on_front)
    rows = rows[np.argsort(data.losses()[rows], kind="stable")]
    if not len(rows):
        return FrontPart((), None, {}, ("No trial is on the front: none is feasible.",))
    losses = np.column_stack([data.losses(each)[rows] for each in data.objectives])
    ends = {each.name: int(rows[losses[:, k].argmin()]) for k, each in enumerate(data.objectives)}
    knee = pareto.knee(losses) if len(rows) > 2 else None
    said = [
        f"{trials(len(rows))} of {int(data.ok.sum())} with values are on the front: no other is "
        "better in all objectives."
    ]
    said += [
        f"Trial {data.numbers[row]} has the best {name}: {_values(data, row)}."
        for name, row in ends.items()
    ]
    if knee is not None:
        row = int(rows[knee])
        said.append(
            f"In the bend of the front is trial {data.numbers[row]} ({_values(data, row)}): from "
            "there, each gain in one objective costs most in the others."
        )
    return FrontPart(
        tuple(data.numbers[rows].tolist()),
        None if knee is None else int(data.numbers[rows[knee]]),
        {name: int(data.numbers[row]) for name, row in ends.items()},
        tuple(said),
    )


def _values(data: StudyData, row: int) -> str:
    return listed([f"{e.name} {in_digits(data.values[e.name][row])}" for e in data.objectives])
