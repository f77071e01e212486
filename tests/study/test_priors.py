"""A study goes on with other priors, and says so once."""

import warnings

import pytest

import hpopt
from hpopt.errors import StudyWarning


def problem(prior):
    space = {"x": hpopt.Float(0, 1, prior=prior), "y": hpopt.Float(0, 1)}
    return hpopt.FunctionProblem(lambda config: config["x"], space)


@pytest.mark.parametrize(("before", "after"), [(0.2, 0.9), (None, 0.9), (0.2, None)])
def test_another_prior_is_said_once(tmp_path, before, after):
    options = {"study": tmp_path / "study.db", "progress": False, "seed": 0}
    hpopt.optimize(problem(before), "random", trials=4, **options)
    with pytest.warns(StudyWarning, match=f"other priors: x was {before or 'none'} and is"):
        hpopt.optimize(problem(after), "random", trials=8, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = hpopt.optimize(problem(after), "random", trials=12, **options)
    assert len(result.trials) == 12
    assert result.space["x"].prior == after


def test_a_file_without_priors_is_read(tmp_path):
    options = {"study": tmp_path / "study.db", "progress": False, "seed": 0}
    hpopt.optimize(problem(None), "tpe", trials=4, **options)
    assert "prior" not in str(hpopt.Study.load(tmp_path / "study.db").header["space"])
