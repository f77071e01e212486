"""Keras is imported by the first evaluation, and its absence is said at once."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import hpopt.problems
from hpopt.errors import MissingExtraError
from hpopt.problems.keras import Classifier
from hpopt.problems.keras.session import import_keras

X, Y = np.zeros((6, 4)), np.array([0, 1] * 3)


def test_importing_the_problems_imports_no_framework():
    code = (
        "import sys, json, hpopt.problems.keras; hpopt.problems.Classifier;"
        "print(json.dumps(sorted(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, check=True, text=True
    ).stdout
    imported = set(json.loads(printed))
    assert "hpopt.problems.keras.classifier" in imported
    assert not imported & {"keras", "tensorflow", "torch", "jax", "sklearn", "scipy.stats"}


def test_the_names_are_there():
    assert hpopt.problems.Classifier is Classifier
    assert {"Classifier", "FunctionProblem", "KerasProblem"} <= set(hpopt.problems.__all__)
    for name in hpopt.problems.__all__:
        assert getattr(hpopt.problems, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'Regressor'"):
        hpopt.problems.Regressor  # noqa: B018


def test_a_missing_keras_is_said_when_the_problem_is_made(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    for call in (lambda: Classifier(X, Y), import_keras):
        with pytest.raises(MissingExtraError, match=r"pip install 'hpopt\[keras\]'"):
            call()


def test_an_old_keras_is_refused(monkeypatch):
    class Old:
        __version__ = "2.15.0"

    monkeypatch.setitem(sys.modules, "keras", Old)
    with pytest.raises(MissingExtraError, match=r"Keras 3 or later \(here is 2\.15\.0\)"):
        import_keras()


@pytest.mark.skipif(find_spec("keras") is None, reason="needs keras")
def test_a_missing_backend_is_said_when_the_problem_is_made():
    code = (
        "import numpy as np;"
        "from hpopt.problems.keras import Classifier;"
        "Classifier(np.zeros((6, 4)), [0, 1] * 3)"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    blocked = f"import sys; sys.modules['jax'] = None; {code}"
    done = subprocess.run(
        [sys.executable, "-c", blocked],
        capture_output=True,
        check=False,
        text=True,
        env=environment,
    )
    assert "MissingExtraError: a Keras problem needs the backend that Keras is set to, jax" in (
        done.stderr
    )
    assert done.stderr.rstrip().endswith("which is not installed: pip install jax")
