"""nevergrad's NGOpt on a problem, with its default parametrization: conditions are passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from by_nevergrad import described, run
from contests import each_run
from sides import serve

NAME = "NGOpt"
WORKERS = {"nevergrad": 1, "nevergrad, 8 workers": 8}


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(
        lambda name, problem, seed: run(problem, NAME, seed, budget, WORKERS[name]), wanted
    )


def settings(strategies: list[str]) -> list[Any]:
    return [
        each | ({"workers": WORKERS[name]} if WORKERS[name] > 1 else {})
        for name, each in zip(strategies, described(NAME, strategies), strict=True)
    ]


if __name__ == "__main__":
    serve(globals())
