"""Problems, solutions and trials as a notebook shows them."""

import pytest

import hpopt
from hpopt.core import Outcome

EVIL = "<script>alert(1)</script>"
SPACE = {EVIL: hpopt.Categorical([EVIL, "b"]), "rate": hpopt.Float(0, 1)}


class Unfinished(hpopt.Problem):
    def evaluate(self, config, trial):
        return 0.0


@pytest.fixture
def study():
    problem = hpopt.FunctionProblem(
        lambda config, trial: 0,
        SPACE,
        objectives={EVIL: "maximize"},
        constraints={"size": "<= 3"},
        fidelity=hpopt.Fidelity(1, 9),
    )
    return hpopt.Study(problem, "random", seed=0, start=[{EVIL: EVIL, "rate": 1 / 3}])


def test_a_problem(study):
    html = study.problem._repr_html_()
    assert "FunctionProblem" in html
    for said in ("size &lt;= 3", "1 to 9 epochs", "rate", "0 to 1", "maximize &lt;script&gt;"):
        assert said in html
    assert "<script" not in html


def test_a_problem_that_is_not_finished_is_shown_all_the_same():
    assert "Unfinished" in Unfinished()._repr_html_()


def test_a_solution_and_its_trial(study):
    solution = study.ask()
    html = solution._repr_html_()
    for said in ("0.33333", str(solution.seed), "fidelity", "&lt;script&gt;"):
        assert said in html
    assert "<script" not in html
    study.tell(solution, Outcome("failed", error=EVIL, traceback=f"in line 3 {EVIL}"))
    html = study.trial(0)._repr_html_()
    for said in ("failed", "0.33333", "<summary>traceback", "in line 3 &lt;script&gt;"):
        assert said in html
    assert "<script" not in html


def test_values_have_five_digits(study):
    study.tell(study.ask(), {EVIL: 1 / 3, "size": 2, "note": EVIL})
    html = study.trial(0)._repr_html_()
    assert "0.33333<" in html
    assert "note" in html
    assert "<script" not in html
    assert "0.33333" in repr(study.trial(0))
