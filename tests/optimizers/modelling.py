"""What the tests of model-based strategies share: problems, bad input, and searching."""

import math

import numpy as np
from problems_for_tests import of, trial_of

from hpopt import RandomSearch
from hpopt.core import Trial, failed
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.optimizers.surrogates.surrogate import Surrogate
from hpopt.space import Categorical, Float, Int, Sequence, Space

MIXED = Space(
    {
        "x": Float(-5, 5),
        "rate": Float(1e-5, 1, log=True),
        "n": Int(1, 100),
        "many": Int(1, 10_000, log=True),
        "kind": Categorical(["a", "b", "c"]),
        "power": Float(0, 1, when={"kind": ["b", "c"]}),
        "layers": Sequence({"width": Int(8, 256, log=True), "bias": Categorical([0, 1])}, 1, 3),
    }
)

BRANCHES = Space(
    {
        "x": Float(0, 1),
        "model": Categorical(list("abcdefg")),
        "rate": Float(0, 1, when={"model": ["a", "b"]}),
        "depth": Int(1, 9, when={"model": "c"}),
        "how": Categorical(["u", "v"], when={"model": "c"}),
    }
)


def cost(config):
    return (
        (config["x"] - 1.5) ** 2 / 5
        + math.log10(config["rate"] / 3e-3) ** 2
        + ((config["n"] - 70) / 30) ** 2
        + math.log10(config["many"] / 300) ** 2
        + {"a": 1.0, "b": 0.3, "c": 0.0}[config["kind"]]
        + abs(config.get("power", 0.5) - 0.2)
        + abs(len(config["layers"]) - 2)
        + sum(abs(math.log2(layer["width"] / 64)) / 5 for layer in config["layers"])
    )


def searched(optimizer, space, value, n, seed=0):
    """Ask and tell n times; give the optimizer."""
    optimizer.bind(of(value, space), seed=seed)
    for _ in range(n):
        for solution in optimizer.ask():
            optimizer.tell(told(solution, value(solution.config)))
    return optimizer


def told(solution, value):
    """Give a trial of a value; None is a failure."""
    return Trial(solution, failed("no")) if value is None else trial_of(solution, value)


def known(optimizer, space, n, value=cost, seed=0):
    """Give an optimizer that knows n random points."""
    optimizer.bind(of(value, space), seed=seed)
    points = space.random(n, np.random.default_rng(seed))
    losses = np.array([[value(config)] for config in space.decode(points)])
    optimizer.learn(points, losses)
    return optimizer


def surrogate_of(space, points, losses):
    """Give the model of losses (n,), infinite for failures, at points (n, d)."""
    optimizer = RandomSearch().bind(of(cost, space))
    optimizer.learn(points, losses[:, None])
    return Surrogate(Encoding(space), 200).model(Observations(optimizer))


def check_gradient(acquisition, at, step=1e-5):
    """Compare an acquisition's gradient with finite differences."""
    value, gradient = acquisition.with_gradient(at)
    np.testing.assert_allclose(value, acquisition(at))
    for j, move in enumerate(step * np.eye(at.shape[1])):
        slope = (acquisition(at + move) - acquisition(at - move)) / (2 * step)
        np.testing.assert_allclose(gradient[:, j], slope, rtol=1e-3, atol=1e-4)


BAD_VALUES = {
    "constant": lambda k: 1.0,
    "all failed": lambda k: None,
    "all but one failed": lambda k: 0.5 if k == 7 else None,
    "nan and infinite": lambda k: (math.nan, math.inf, 1.0, -math.inf, 0.3)[k % 5],
    "huge": lambda k: ((k * 7) % 11 - 5) * 1e300,
    "tiny": lambda k: ((k * 7) % 11 - 5) * 1e-300,
    "differing by rounding": lambda k: 1 + 1e-15 * (k % 3),
    "one outlier": lambda k: 1e12 if k == 3 else float((k * 7) % 11),
    "half tie at the best": lambda k: float(max(0, k % 7 - 3)),
}

ODD_SPACES = {
    "one choice": Space({"c": Categorical(list("abcdefghij"))}),
    "one config": Space({"c": Categorical(["only"])}),
    "one number": Space({"x": Float(0, 1)}),
    "one value beside a number": Space({"c": Categorical(["only"]), "x": Float(0, 1)}),
}


def first_wave(optimizer, space, n, seed=0, start=()):
    """Give the configs of n asks of which no result is told."""
    optimizer.bind(of(cost, space), seed=seed, start=start)
    return [solution.config for solution in optimizer.ask(n)]


def values_of(config):
    """Give the values of a config by name, those of layers and lengths of lists too."""
    values = {}
    for name, value in config.items():
        if isinstance(value, list):
            values[f"len({name})"] = len(value)
            for place, layer in enumerate(value):
                values |= {f"{name}[{place}].{key}": v for key, v in layer.items()}
        else:
            values[name] = value
    return values
