"""nevergrad's NGOpt on a problem, with its default parametrization: conditions are passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from by_nevergrad import described, run
from contests import each_run
from sides import serve

NAME = "NGOpt"
STRATEGIES: dict[str, dict[str, int]] = {
    "nevergrad": {},
    "nevergrad, 8 workers": {"workers": 8},
}


def runs(wanted: list[tuple[str, str, int]], budget: int) -> Iterator[Any]:
    return each_run(
        lambda name, problem, seed: run(problem, NAME, seed, budget, **STRATEGIES[name]), wanted
    )


def settings(strategies: list[str]) -> list[Any]:
    return [described(NAME) | STRATEGIES[name] for name in strategies]


if __name__ == "__main__":
    serve(globals())
