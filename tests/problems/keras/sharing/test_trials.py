"""Trials that share a traced step: their values follow from config and seed alone."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from hpopt.problems.keras.sharing import numbers

from ..small import Quick, needs_keras, quiet, tried
from .networks import Networks, forget, history, n_traced

pytestmark = [needs_keras, quiet]


@pytest.fixture(autouse=True)
def as_in_a_new_process():
    forget()
    yield
    forget()


def test_values_follow_from_config_and_seed(tmp_path):
    problem = Networks("dense")
    configs = [problem.config(share) for share in (0.2, 0.5, 0.8)]
    first = [history(problem, config, tmp_path, seed=i) for i, config in enumerate(configs)]
    assert n_traced() == 1
    forget()
    # The seed 0 comes twice, for which all kernels are cleared.
    for i in (2, 0, 1, 0):
        assert history(problem, configs[i], tmp_path, seed=i) == first[i]
    assert n_traced() == 1


def test_what_is_trained_is_what_keras_trains(tmp_path, monkeypatch):
    problem = Networks("plain", class_weight={0: 1.0, 1: 2.0, 2: 1.0})
    config = problem.config(0.5)
    shared = history(problem, config, tmp_path)
    forget()
    monkeypatch.setattr("hpopt.problems.keras.sharing.models.BACKENDS", ())
    alone = history(problem, config, tmp_path)
    for name, values in alone.items():
        np.testing.assert_allclose(shared[name], values, 1e-5, err_msg=name)


def test_what_raises_as_it_is_traced_is_trained_alone(tmp_path, monkeypatch, capsys):
    problem = Networks("plain")
    config = problem.config(0.5)
    expected = history(problem, config, tmp_path)
    forget()

    def fail(self, other):
        raise TypeError("no comparison")

    monkeypatch.setattr(numbers.number_class(), "__gt__", fail)
    found = [history(problem, config, tmp_path) for _ in range(2)]
    np.testing.assert_allclose(found[0]["loss"], expected["loss"], 1e-5)
    assert found[0] == found[1]
    assert n_traced() == 0
    assert capsys.readouterr().out.count("are each compiled anew") == 1


def test_a_training_goes_on_in_a_traced_model(tmp_path):
    problem = Networks("dense", fidelity=(1, 3))
    config = problem.config(0.4)
    through = tried(problem, tmp_path / "through", config, fidelity=3)
    assert through.ok, through.traceback
    tried(problem, tmp_path / "study", config, fidelity=1)
    tried(problem, tmp_path / "study", problem.config(0.9), number=1, fidelity=3)
    last = tried(problem, tmp_path / "study", config, number=2, fidelity=3, after=0)
    assert (last.values, last.curve) == (through.values, through.curve)
    assert n_traced() == 1


def test_the_weights_of_a_traced_model_are_kept(tmp_path):
    problem = Networks("recurrent", folds=2)
    for number, share in enumerate((0.3, 0.6)):
        outcome = tried(problem, tmp_path, problem.config(share), number=number)
        assert outcome.ok, outcome.traceback
    kept = [path.parent for path in tmp_path.glob("*/model.weights.h5")]
    best = problem.load_model(problem.config(0.3 if kept[0].name == "0" else 0.6), kept[0])
    histories = tried(problem, tmp_path / "again", problem.config(0.3)).info["history"]
    assert len(histories) == 2
    losses = {loss for each in histories for loss in each["val_loss"]}
    if kept[0].name == "0":
        fold = [problem.source.splits[i][1] for i in range(2)]
        found = [best.evaluate(*rows.take(slice(None)), verbose=0)[0] for rows in fold]
        assert min(abs(f - loss) for f in found for loss in losses) < 1e-4
    assert len(best.weights) == 5


def test_mixed_precision(tmp_path):
    problem = Networks("plain", precision="mixed_float16", epochs=1)
    config = problem.config(0.5)
    first = history(problem, config, tmp_path)
    # The rate is of a layer that computes in half precision, so it stays a constant.
    faster = {**config, "learning_rate": 0.2}
    # On JAX the first steps are left out while the scale of the loss is sought.
    assert history(problem, faster, tmp_path)["val_loss"] != first["val_loss"]
    assert history(problem, config, tmp_path) == first
    assert n_traced() == 1


def test_what_runs_eagerly_is_trained_as_it_is(tmp_path):
    x, y = np.zeros((8, 3), "float32"), np.zeros(8)
    assert tried(Quick(x, y, epochs=1), tmp_path).ok
    assert n_traced() == 0


def test_two_trials_at_a_time_train_two_models(tmp_path):
    from hpopt.problems.keras.sharing.models import traced_models

    with traced_models() as first, traced_models() as second:
        assert first is not second
    with traced_models(memory_limit=800) as third:
        assert third is first
        assert third.most_bytes == 100
    with pytest.raises(MemoryError), traced_models() as fourth:
        fourth._traced["key"] = None
        raise MemoryError
    assert n_traced() == 0


@pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed: pip install jax"
)
def test_on_jax_in_a_new_process(tmp_path):
    code = (
        "import json, sys; from pathlib import Path;"
        "from problems.keras.sharing.networks import Networks, history;"
        "problem = Networks('dense');"
        "shares = json.loads(sys.argv[1]);"
        "found = {s: history(problem, problem.config(s), Path(sys.argv[2])) for s in shares};"
        "print(json.dumps(found[0.2]))"
    )
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }

    def printed(*shares):
        done = subprocess.run(
            [sys.executable, "-c", code, json.dumps(shares), str(tmp_path)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    assert printed(0.2) == printed(0.7, 0.2)
    assert any((tmp_path / "cache" / "hpopt" / "jax").iterdir())
