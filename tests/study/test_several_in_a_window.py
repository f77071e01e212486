"""Several objectives, and bounds, in a window: the same search at any number of workers."""

import functools
import time

import pytest

import hpopt

from .problems import essence

SPACE = {
    "x": hpopt.Float(0, 1),
    "n": hpopt.Int(1, 9),
    "kind": hpopt.Categorical(["flat", "round"]),
    "y": hpopt.Float(0, 1, when={"kind": "round"}),
}
BOUNDS = {"size": ("<=", 4), "gap": (">=", 0.1)}


def evaluate(config, bounded, delay):
    """Two objectives; some configs fail, and with bounds some end before their values are known."""
    time.sleep(delay * config["n"])
    if bounded and config["n"] > 7:
        raise hpopt.Stopped({"size": config["n"]})
    if not bounded and config["n"] == 9:
        raise ValueError("too many")
    away = (config.get("y", 0.8) - 0.3) ** 2 + config["n"] / 20
    values = {"loss": config["x"] + away, "other": (1 - config["x"]) ** 2 + away}
    return {**values, "size": config["n"], "gap": config["x"]}


def found(strategy, objectives, bounds, *, trials=16, delay=0.0, **options):
    """Return the trials of a search, and the losses that its strategy has observed."""
    problem = hpopt.FunctionProblem(
        functools.partial(evaluate, bounded=bool(bounds), delay=delay),
        SPACE,
        objectives=dict.fromkeys(objectives, "minimize"),
    )
    with hpopt.Study(
        problem, strategy, seed=4, constraints=bounds, path=options.pop("path", None)
    ) as study:
        study.run(stop=hpopt.stopping.Trials(trials), window=3, progress=False, **options)
        return essence(study.trials), study.optimizer.history.losses.tolist()


@pytest.mark.parametrize("strategy", ["auto", "tpe", "genetic", "steady_state"])
@pytest.mark.parametrize(
    ("objectives", "bounds"),
    [(("loss", "other"), None), (("loss",), BOUNDS), (("loss", "other"), BOUNDS)],
    ids=["two objectives", "bounds", "two objectives and bounds"],
)
def test_the_same_at_any_number_of_workers(processes, path, strategy, objectives, bounds):
    alone = found(strategy, objectives, bounds)
    settings = {"executor": processes, "workers": 3, "delay": 0.001}
    assert found(strategy, objectives, bounds, **settings) == alone
    found(strategy, objectives, bounds, path=path, trials=10)
    assert found(strategy, objectives, bounds, path=path, **settings) == alone
    statuses = {trial[6] for trial in alone[0]}
    assert statuses == {"complete", "infeasible" if bounds else "failed"}
