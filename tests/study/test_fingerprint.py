"""A study's file knows of which data and settings its values are, and says when they change."""

import warnings

import pytest

import hpopt
from hpopt.errors import ProblemError, StudyWarning
from hpopt.storage import open_storage


class Fitted(hpopt.Problem):
    """A problem with a fingerprint: whatever it is made with."""

    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def __init__(self, **fingerprint):
        self._fingerprint = fingerprint

    def fingerprint(self):
        return self._fingerprint

    def evaluate(self, config, trial):
        return config["x"]


@pytest.fixture
def begun(path):
    run(path, data="a", epochs="5", build="small", n=2)
    return path


def run(path, n=0, **fingerprint):
    problem = Fitted(**fingerprint)
    with hpopt.Study(problem, "random", path=path, seed=0) as study:
        study.run(trials=n, progress=False)


def stored(path):
    return hpopt.Study.load(path).header["fingerprint"]


def test_it_is_in_the_header(begun):
    assert stored(begun) == {"data": "a", "epochs": "5", "build": "small"}


def test_by_default_there_is_none(path):
    hpopt.optimize(
        hpopt.FunctionProblem(lambda config: config["x"], Fitted.space),
        trials=1,
        study=path,
        progress=False,
    )
    assert stored(path) == {}


def test_what_differs_is_warned_of_once_for_each_change(begun):
    with pytest.warns(StudyWarning, match="goes on with other data, epochs: its trials") as caught:
        run(begun, data="b", epochs="9", build="small")
    assert len(caught) == 1
    assert str(begun) in str(caught[0].message)
    assert caught[0].filename == __file__, "the line is the user's, whichever way the study opens"
    run(begun, data="b", epochs="9", build="small")
    with pytest.warns(StudyWarning, match="with other epochs:"):
        run(begun, data="b", epochs="5", build="small")
    assert stored(begun) == {"data": "b", "epochs": "5", "build": "small"}


def test_a_warning_that_is_an_error_changes_nothing(begun):
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(StudyWarning):
                run(begun, data="b")
    assert stored(begun)["data"] == "a"


@pytest.mark.parametrize("before", [None, {}, {"size": "1"}])
def test_a_file_that_does_not_know_takes_it_up_silently(begun, before):
    with open_storage(begun) as storage:
        header = dict(storage.header())
        del header["fingerprint"]
        storage.write_header(header if before is None else {**header, "fingerprint": before})
    run(begun, data="b", epochs="9")
    assert stored(begun) == {**(before or {}), "data": "b", "epochs": "9"}
    with pytest.warns(StudyWarning, match="with other data"):
        run(begun, data="c", epochs="9")


def test_before_the_first_trial_there_is_nothing_to_compare(path):
    run(path, data="a")
    run(path, data="b")
    assert stored(path) == {"data": "b"}


@pytest.mark.parametrize("wrong", [["data"], {"data": 3}, {3: "data"}, None])
def test_what_is_no_fingerprint_is_an_error(path, wrong):
    problem = Fitted()
    problem._fingerprint = wrong
    with pytest.raises(ProblemError, match=r"Fitted.fingerprint\(\) must return a mapping of str"):
        hpopt.Study(problem, path=path)


def test_one_that_cannot_be_made_says_why():
    problem = Fitted()
    del problem._fingerprint
    with pytest.raises(ProblemError, match=r"but raised AttributeError: .*_fingerprint"):
        hpopt.Study(problem)
