"""How long a strategy takes with large spaces: python benchmarks/space_scale.py [--quick]

One table: the size of each space and what it costs to count it, then for each strategy the time to
bind and ask the first solution, and in brackets the mean of 30 further asks, each told at once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from hpopt import Categorical, Chain, Float, FunctionProblem, Int, Ordinal, Sequence, Space
from hpopt.core import Optimizer, Outcome, Trial
from hpopt.errors import SettingError
from hpopt.optimizers import BY_NAME, make_optimizer
from hpopt.space import Vector

N_ASKS = 30


def switches(n: int = 40) -> Space:
    """Independent switches, each with a parameter of its own."""
    parameters: dict[str, Categorical | Float] = {}
    for i in range(n):
        parameters[f"on_{i}"] = Categorical([False, True])
        parameters[f"x_{i}"] = Float(0, 1, when={f"on_{i}": True})
    return Space(parameters)


def nested(n: int = 20) -> Space:
    """A chain in which each switch exists only where the one before is on."""
    parameters = {"on_0": Categorical([False, True])}
    for i in range(1, n):
        parameters[f"on_{i}"] = Categorical([False, True], when={f"on_{i - 1}": True})
    return Space({**parameters, "x": Float(0, 1)})


def choices(n: int = 10_000) -> Space:
    """Parameters of many values."""
    return Space({"c": Categorical(list(range(n))), "o": Ordinal(list(range(n))), "x": Float(0, 1)})


def many(n: int = 300) -> Space:
    """Many parameters of four kinds."""
    kinds = [Float(0, 1), Int(1, 100), Categorical(["a", "b", "c"]), Ordinal([1, 2, 4, 8])]
    return Space({f"p_{i}": kinds[i % 4] for i in range(n)})


def forbids(n: int = 100) -> Space:
    """Many mappings that forbid."""
    forbid = [{f"p_{2 + 4 * (i % 3)}": "a", f"p_{1 + 4 * (i % 2)}": i + 1} for i in range(n)]
    return Space(dict(many(12)), forbid)


def layers(n: int = 50) -> Space:
    """A list of up to 50 layers whose fields depend on one another."""
    kinds = Categorical(["convolution", "dense", "pool"])
    layer = {
        "kind": kinds,
        "units": Int(1, 512, log=True, when={"kind": ["convolution", "dense"]}),
        "kernel": Ordinal([1, 3, 5], when={"kind": "convolution"}),
        "dropout": Float(0, 0.5),
    }
    return Space({"layers": Sequence(layer, 1, n), "rate": Float(1e-5, 1, log=True)})


def vector(n: int = 1000) -> Space:
    """Many numbers as one parameter."""
    return Space({"weights": Vector(n, -1, 1)})


SPACES: dict[str, Callable[[], Space]] = {
    "40 switches": switches,
    "20 nested": nested,
    "10,000 choices": choices,
    "300 parameters": many,
    "100 forbids": forbids,
    "50 layers": layers,
    "vector of 1,000": vector,
}


def named(name: str) -> Optimizer:
    """Make a strategy of a name; some need arguments."""
    return Chain(("random", 10), "genetic") if name == "chain" else make_optimizer(name)


def first_ask(name: str, space: Space, n: int = N_ASKS) -> tuple[float, float]:
    """Return the seconds to bind and ask once, and those of an ask that follows."""
    problem = FunctionProblem(lambda config: 0.0, space)
    began = time.perf_counter()
    optimizer = named(name).bind(problem, seed=0)
    asked = optimizer.ask(1)
    first = time.perf_counter()
    for k in range(n):
        values = {"value": float(k * 7 % 31)}
        optimizer.tell([Trial(solution, Outcome("complete", values=values)) for solution in asked])
        asked = optimizer.ask(1)
    return first - began, (time.perf_counter() - first) / max(n, 1)


def counted(make: Callable[[], Space]) -> str:
    """Return the size of a space, and the milliseconds to make it and to count it."""
    began = time.perf_counter()
    space = make()
    made = time.perf_counter()
    size = space.size
    counted = time.perf_counter()
    shown = f"{size:.3g}" if size < 10**15 else ("inf" if size == float("inf") else "> 10^15")
    return f"{shown} ({1000 * (made - began):.0f} + {1000 * (counted - made):.0f} ms)"


def cell(name: str, space: Space, n: int) -> str:
    """Return what a strategy takes with a space, in milliseconds."""
    try:
        first, then = first_ask(name, space, n)
    except SettingError:
        return "-"
    return f"{1000 * first:.0f} ({1000 * then:.1f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two asks only")
    n = 2 if parser.parse_args().quick else N_ASKS
    spaces = {title: make() for title, make in SPACES.items()}
    first_ask("auto", spaces["20 nested"], 20)  # import what is imported when it is needed
    print("|".join(["", "ms", *SPACES, ""]))
    print("|".join(["", "---", *("---" for _ in SPACES), ""]))
    print("|".join(["", "size (make + count)", *map(counted, SPACES.values()), ""]))
    for name in BY_NAME:
        print("|".join(["", name, *(cell(name, each, n) for each in spaces.values()), ""]))


if __name__ == "__main__":
    main()
