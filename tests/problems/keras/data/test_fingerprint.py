"""Fingerprints: what changes them, what does not, and that other processes have the same."""

import functools
import subprocess
import sys

import numpy as np
import pytest

from hpopt.problems.keras import Classifier, DenseBuilder
from hpopt.problems.keras.data import fingerprint
from hpopt.problems.keras.data.fingerprint import digest_of, source_of_function
from hpopt.space import Float

from ..small import Line, X, Y, needs_keras

CODE = """
import numpy as np
from hpopt.problems.keras import Classifier
x = np.arange(40.0).reshape(10, 4)
problem = Classifier(x, ["a", "b"] * 5, augmentation=["noise"], epochs=3, class_weight="balanced")
print(dict(problem.fingerprint()))
"""


def build(config):
    return config


def with_comment(config):
    # The same, but for a comment and the name.
    return config


def lambdas(number):
    return [lambda config: config["units"] + 1, lambda config: config["units"] + 2][number]


class Thing:
    def __init__(self, values):
        self.values = values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (X, X + 1),
        (X, X[:, :2]),
        (X, X.astype("float64")),
        (np.array(["a", "b"], object), np.array(["a", "c"], object)),
        ({"a": X}, {"b": X}),
        ([1, 2], (1, 2)),
        (1, True),
        (build, with_comment),
        (lambdas(0), lambdas(1)),
        (Thing([1]), Thing([2])),
        (functools.partial(build, 1), functools.partial(build, 2)),
        ({"a", "b"}, {"a", "c"}),
    ],
)
def test_other_things_have_other_digests(one, other):
    assert digest_of(one) != digest_of(other)
    assert digest_of(one) == digest_of(one)


def test_comments_do_not_count_nor_do_addresses():
    source = source_of_function(with_comment).decode()
    assert source.splitlines() == ["def with_comment(config):", "    return config"]
    assert digest_of(Thing([1])) == digest_of(Thing([1]))


def test_a_function_without_source_has_its_bytecode():
    texts = ("lambda a: a + 1", "lambda a: a + 2", "lambda a: a + 1")
    first, second, third = (source_of_function(eval(text)) for text in texts)
    assert first == third != second
    assert first


def test_large_arrays_are_read_in_part(monkeypatch):
    monkeypatch.setattr(fingerprint, "MOST_BYTES", 800)
    monkeypatch.setattr(fingerprint, "N_BLOCKS", 10)
    large = np.zeros((1000, 2))
    end = large.copy()
    end[-1] = 1
    between = large.copy()
    between[20] = 1
    assert digest_of(large) != digest_of(end)
    assert digest_of(large) == digest_of(between)
    assert digest_of(large) != digest_of(large[:-1])


@needs_keras
class TestProblem:
    def test_it_is_the_same_in_another_process(self):
        printed = [
            subprocess.run(
                [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {CODE}"],
                capture_output=True,
                check=True,
                text=True,
                env={"PYTHONHASHSEED": seed},
            ).stdout
            for seed in ("1", "2")
        ]
        assert printed[0] == printed[1]
        assert "'epochs': '3'" in printed[0]

    def test_what_changes_is_named(self):
        usual = Classifier(X, Y > 0)
        for changes, names in [
            ({"x": X + 1}, {"data"}),
            ({"validation_split": 0.3}, {"validation"}),
            ({"validation_data": (X, Y > 0)}, {"validation"}),
            ({"folds": 3}, {"validation"}),
            ({"epochs": 3}, {"epochs"}),
            ({"fidelity": (1, 3)}, {"epochs"}),
            ({"batch_size": 3}, {"batch_size"}),
            ({"patience": 3}, {"patience"}),
            ({"repeats": 2}, {"repeats"}),
            ({"precision": "float64"}, {"precision"}),
            ({"class_weight": "balanced"}, {"class_weight"}),
            ({"sample_weight": np.ones(40)}, {"data"}),
            ({"callbacks": lambda config, trial: []}, {"callbacks"}),
            ({"build": DenseBuilder((3,), classes=2, activation="sigmoid")}, {"build"}),
            ({"keep_weights": 3, "verbose": 1, "memory_limit": "1GB"}, set()),
        ]:
            other = Classifier(**{"x": X, "y": Y > 0, **changes}).fingerprint()
            differing = {name for name, text in usual.fingerprint().items() if other[name] != text}
            assert differing == names, changes

    def test_a_builders_space_is_compared_by_the_study_alone(self):
        problem = Classifier(X, Y > 0)
        before = problem.fingerprint()
        problem.space.encode(problem.space.sample(2, seed=0))  # its parameters keep caches
        assert problem.fingerprint() == before
        assert Classifier(X, Y > 0, space={"dropout": Float(0, 0.1)}).fingerprint() == before

    def test_a_subclass_is_known_by_its_methods(self):
        class Wider(Line):
            def compile_settings(self, config):
                return {"optimizer": "sgd"}

        class Other(Line):
            def compile_settings(self, config):
                return {"optimizer": "adam"}

        digests = {kind(X, Y).fingerprint()["build"] for kind in (Line, Wider, Other, Line)}
        assert len(digests) == 3
