"""hpopt's strategies as a sampler of Optuna's."""

import pickle
import threading

import numpy as np
import pytest

optuna = pytest.importorskip("optuna", reason="the extra 'optuna' is not installed")

import hpopt  # noqa: E402
from hpopt.errors import SettingError, UnknownNameError  # noqa: E402
from hpopt.integrations.optuna import HpoptSampler  # noqa: E402
from hpopt.optimizers import make_optimizer  # noqa: E402

TrialState = optuna.trial.TrialState


def bowl(trial):
    x, n = trial.suggest_float("x", -5, 5), trial.suggest_int("n", 1, 100, log=True)
    return x**2 + np.log(n / 10) ** 2 + 3 * (trial.suggest_categorical("c", ["a", "b"]) == "a")


def branched(trial):
    kind = trial.suggest_categorical("optimizer", ["adam", "sgd"])
    found = trial.suggest_float("lr", 1e-5, 1.0, log=True)
    if kind == "sgd":
        found += trial.suggest_float("momentum", 0.0, 0.99)
    for k in range(trial.suggest_int("layers", 1, 4)):
        found += trial.suggest_int(f"units{k}", 8, 64) / 64
    return found


def study_of(objective, sampler, n_trials, **settings):
    study = optuna.create_study(sampler=sampler, **settings)
    study.optimize(objective, n_trials=n_trials)
    return study


def next_params(study, sampler):
    """Give what a sampler would propose next."""
    trial = study.ask()
    frozen = study.trials[-1]
    proposed = sampler.sample_relative(
        study, frozen, sampler.infer_relative_search_space(study, frozen)
    )
    study.tell(trial, state=TrialState.FAIL)
    return proposed


@pytest.mark.parametrize("name", ["genetic", "auto"])
def test_the_search_is_that_of_hpopt_itself(name):
    # After Optuna's first trial, of which no sampler knows the space.
    study = study_of(bowl, HpoptSampler(name, seed=3), 12)
    space = hpopt.Space(
        {
            "x": hpopt.Float(-5, 5),
            "n": hpopt.Int(1, 100, log=True),
            "c": hpopt.Categorical([0, 1]),
        }
    )
    own = make_optimizer(name).bind(hpopt.FunctionProblem(len, space), seed=3)
    code = {"a": 0, "b": 1}
    for trial in study.trials:
        params = {**trial.params, "c": code[trial.params["c"]]}
        solution = own.solution_of(params) if trial.number == 0 else own.ask()[0]
        assert solution.config == pytest.approx(params)
        told = hpopt.Trial(solution, hpopt.Outcome("complete", {"value": trial.value}))
        own.add(told) if trial.number == 0 else own.tell(told)


def test_conditions_are_learned_from_the_trials():
    sampler = HpoptSampler("random", seed=1)
    study = study_of(branched, sampler, 25)
    space = sampler.optimizer.space
    assert {*space} == {"optimizer", "lr", "momentum", "layers", *(f"units{k}" for k in range(4))}
    assert space["momentum"].when == {"optimizer": (1,)}
    assert space["units2"].when == {"layers": (3, 4)}
    trial = study.ask()
    branched(trial)
    assert trial.relative_params.keys() == trial.params.keys()


def test_what_no_parameter_decides_is_a_search_of_its_own():
    def hidden(trial):
        found = trial.suggest_float("x", 0, 1)
        if trial.number % 2:
            found += trial.suggest_int("odd", 0, 9)
            found += trial.suggest_categorical("kind", ["a", "b"]) == "b"
        return found + trial.suggest_float("moving", 0, 1 + trial.number)

    sampler = HpoptSampler("quasi_random", seed=1)
    study = study_of(hidden, sampler, 20)
    assert [*sampler.optimizer.space] == ["x"]
    # Parameters that occur together are searched together: Sobol's points are all different.
    pairs = [(t.params["odd"], t.params["kind"]) for t in study.trials if "odd" in t.params]
    own = make_optimizer("quasi_random").bind(
        hpopt.FunctionProblem(len, {"odd": hpopt.Int(0, 9), "kind": hpopt.Categorical([0, 1])}),
        seed=1,
    )
    own.add(
        hpopt.Trial(
            own.solution_of({"odd": pairs[0][0], "kind": int(pairs[0][1] == "b")}),
            hpopt.Outcome("complete", {"value": 0.0}),
        )
    )
    wanted = [tuple(solution.config.values()) for solution in own.ask(len(pairs) - 1)]
    assert [(odd, int(kind == "b")) for odd, kind in pairs[1:]] == wanted


def test_a_study_may_go_on_with_other_bounds():
    sampler = HpoptSampler("random", seed=1)
    study = study_of(lambda trial: trial.suggest_float("x", 0, 1), sampler, 4)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 10), n_trials=6)
    assert sampler.optimizer.space["x"].high == 10
    assert len(sampler.optimizer.history) == 9


def test_where_trials_have_nothing_in_common_the_newest_counts():
    sampler = HpoptSampler("random", seed=1)
    study = study_of(lambda trial: trial.suggest_float("x", 0, 1), sampler, 3)
    study.optimize(lambda trial: trial.suggest_float("y", 0, 1), n_trials=3)
    assert [*sampler.optimizer.space] == ["y"]


@pytest.mark.parametrize("name", ["genetic", "bayesian"])
def test_another_process_goes_on_as_this_one_would(name, tmp_path):
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal"))
    storage = optuna.storages.JournalStorage(backend)
    here = HpoptSampler(name, seed=5)
    study_of(branched, here, 15, storage=storage, study_name="shared")
    there = HpoptSampler(name, seed=5)
    loaded = optuna.load_study(study_name="shared", storage=storage, sampler=there)
    proposed = next_params(loaded, there)
    again = HpoptSampler(name, seed=5)
    assert proposed
    # The trial that failed in between had no parameters, so it is not one of the search.
    assert next_params(loaded, again) == proposed == next_params(loaded, here)


def test_threads_wait_for_nobody_and_repeat_nothing():
    barrier = threading.Barrier(3)

    def together(trial):
        if trial.number < 3:
            barrier.wait(timeout=30)
        return bowl(trial)

    study = optuna.create_study(sampler=HpoptSampler("genetic", seed=2))
    study.optimize(together, n_trials=40, n_jobs=3)
    tried = {tuple(trial.params.values()) for trial in study.trials}
    assert len(tried) == 40


def test_a_generation_does_not_wait_for_trials_that_run():
    sampler = HpoptSampler(hpopt.GeneticAlgorithm(population=4), seed=2)
    study = study_of(bowl, sampler, 3)
    running = [study.ask() for _ in range(6)]
    for trial in running:
        bowl(trial)
    assert all(len(trial.relative_params) == 3 for trial in running)
    assert len({tuple(trial.params.values()) for trial in running}) == 6


def test_failed_pruned_and_enqueued_trials_are_learned():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.number == 2:
            raise RuntimeError("out of range")
        for step in range(3):
            trial.report(x + 1 / (step + 1), step)
        if trial.number == 3:
            raise optuna.TrialPruned
        return x

    sampler = HpoptSampler("random", seed=1)
    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial({"x": 0.25})
    study.optimize(objective, n_trials=6, catch=(RuntimeError,))
    losses = sampler.optimizer.history.losses[:, 0]
    assert sampler.optimizer.history.points[0, 0] == 0.25
    assert losses[2] == np.inf
    assert np.isfinite(losses[[0, 1, 3, 4]]).all()
    assert losses[0] == 0.25


def test_brackets_of_a_pruner_are_one_search():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(9):
            trial.report(x + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9)
    sampler = HpoptSampler("random", seed=1)
    study = study_of(objective, sampler, 12, pruner=pruner)
    assert any(trial.state == TrialState.PRUNED for trial in study.trials)
    assert len(sampler.optimizer.history) == 11


def test_objectives_have_their_directions():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return x, x**2

    sampler = HpoptSampler("genetic", seed=1)
    study_of(objective, sampler, 4, directions=["maximize", "minimize"])
    assert [each.direction for each in sampler.optimizer.objectives] == ["maximize", "minimize"]
    points, losses = sampler.optimizer.history.points, sampler.optimizer.history.losses
    np.testing.assert_allclose(losses, np.hstack([-points, points**2]), atol=1e-12)


def test_constraints_are_known_to_the_strategy():
    def objective(trial):
        return trial.suggest_float("x", 0, 1)

    sampler = HpoptSampler("random", seed=1, constraints_func=lambda t: (0.5 - t.params["x"],))
    study = study_of(objective, sampler, 8)
    history = sampler.optimizer.history
    np.testing.assert_array_equal(history.is_broken, history.points[:, 0] < 0.5)
    assert history.is_broken.any() and not history.is_broken.all()
    assert study.best_trial.params["x"] >= 0.5
    with pytest.raises(ValueError, match=r"constraints must be numbers, but .* \[nan\]"):
        study_of(objective, HpoptSampler("random", constraints_func=lambda t: [np.nan]), 1)


def test_choices_may_be_anything():
    choices = [[64], [64, 64], None, float("nan")]

    def objective(trial):
        with pytest.warns(UserWarning, match="persistent storage"):
            return len(str(trial.suggest_categorical("layers", choices)))

    sampler = HpoptSampler("random", seed=1)
    study = study_of(objective, sampler, 6)  # two more than there are: an exhausted space goes on
    assert len({str(trial.params["layers"]) for trial in study.trials}) == 4


def test_numbers_in_order_are_ordinal():
    sampler = HpoptSampler("random", seed=1)
    study_of(
        lambda trial: (
            trial.suggest_categorical("batch", [16, 32, 64])
            + len(trial.suggest_categorical("name", ["a", "bb", "c"]))
        ),
        sampler,
        3,
    )
    kinds = {name: each.kind for name, each in sampler.optimizer.space.items()}
    assert kinds == {"batch": "ordinal", "name": "categorical"}


def test_it_can_be_pickled_and_used_for_another_study():
    sampler = pickle.loads(pickle.dumps(HpoptSampler("random", seed=1)))
    first = study_of(bowl, sampler, 5)
    second = study_of(bowl, sampler, 5)
    assert [t.params for t in first.trials] == [t.params for t in second.trials]


def test_other_samplers_may_fix_parameters():
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        fixed = optuna.samplers.PartialFixedSampler({"c": "b"}, HpoptSampler("random", seed=1))
    study = study_of(bowl, fixed, 5)
    assert {trial.params["c"] for trial in study.trials} == {"b"}


def test_bad_settings_are_errors_at_once():
    with pytest.raises(SettingError, match=r"must choose no fidelities.*'asha'"):
        HpoptSampler("asha")
    with pytest.raises(UnknownNameError, match="genetic"):
        HpoptSampler("genetics")
    with pytest.raises(SettingError, match="seed"):
        HpoptSampler(seed=-1)
    with pytest.raises(SettingError, match="n_trials"):
        HpoptSampler(n_trials=0)


suites = pytest.importorskip("optuna.testing.pytest_samplers", reason="Optuna's suite is of 5.0")


class TestOptunasOwnSuite(suites.BasicSamplerTestCase, suites.MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: HpoptSampler("random", seed=0)


def test_a_parameter_without_a_name_is_drawn_at_random():
    study = optuna.create_study(sampler=HpoptSampler("random", seed=1))
    study.optimize(lambda t: t.suggest_float("", 0, 1) + t.suggest_float("x", 0, 1), n_trials=3)
    assert len({trial.params[""] for trial in study.trials}) == 3
