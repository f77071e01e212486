"""Names of strategies, executors and rules are matched as people write them, in one place."""

import pickle

import pytest

import hpopt
from hpopt import early_stopping
from hpopt.early_stopping import registry as rules
from hpopt.errors import SettingError, UnknownNameError
from hpopt.executors import make_executor
from hpopt.executors import registry as executors
from hpopt.names import known_name
from hpopt.optimizers import BY_NAME, Chain, Memetic, make_optimizer
from hpopt.optimizers import registry as optimizers

FAMILIES = [
    (optimizers, list(BY_NAME)),
    (executors, list(executors.MODULES)),
    (rules, list(rules.BY_NAME)),
]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("TPE", "tpe"),
        ("CMA-ES", "cmaes"),
        ("cma_es", "cmaes"),
        ("Random", "random"),
        ("RandomSearch", "random"),
        ("grid search", "grid"),
        ("Bayesian Optimization", "bayesian"),
        ("bayesian-optimisation", "bayesian"),
        ("differential-evolution", "differential_evolution"),
        ("Neighborhood", "neighbourhood"),
        ("Mu+Lambda", None),
    ],
)
def test_spellings_of_strategies(written, name):
    if name is None:
        with pytest.raises(UnknownNameError, match="did you mean 'mu_plus_lambda'"):
            make_optimizer(written)
    else:
        assert make_optimizer(written).name == name


@pytest.mark.parametrize("name", BY_NAME)
def test_the_name_of_a_class_is_one(name):
    class_name = BY_NAME[name].__name__
    for written in (name.upper(), name.replace("_", "-"), class_name, class_name.lower()):
        assert optimizers.strategy_name(written) == name


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("gp", "did you mean 'bayesian'?"),
        ("BO", "did you mean 'bayesian'?"),
        ("bayes", "did you mean 'bayesian'?"),
        ("nsga2", "did you mean 'genetic'?"),
        ("NSGA-II", "did you mean 'genetic'?"),
        ("de", "did you mean 'differential_evolution'?"),
        ("evolution", "did you mean 'genetic', 'regularized', 'differential_evolution',"),
        ("Sobol", "did you mean 'quasi_random'?"),
        ("successive halving", "did you mean 'asha'?"),
        ("bohb", 'hpopt.Hyperband(proposer="tpe")'),
        ("GENTIC", "did you mean 'genetic'?"),
        ("xyz", "unknown optimizer 'xyz': known are 'annealing', "),
        ("", "unknown optimizer '': known are"),
    ],
)
def test_what_other_names_suggest(written, said):
    with pytest.raises(UnknownNameError) as raised:
        hpopt.optimize(hpopt.FunctionProblem(float, {"x": hpopt.Float(0, 1)}), written, trials=1)
    assert said in str(raised.value)
    assert "'zhan'" in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Processes", "processes"),
        ("mp", "processes"),
        ("multiprocessing", "processes"),
        ("threading", "threads"),
        ("SERIAL", "serial"),
    ],
)
def test_spellings_of_executors(written, name):
    executor, _ = make_executor(written, 1)
    expected, _ = make_executor(name, 1)
    executor.shutdown()
    expected.shutdown()
    assert type(executor) is type(expected)


def test_an_executor_with_an_address():
    with pytest.raises(SettingError, match="an address must follow one of dask"):
        make_executor("Threads:somewhere")
    with pytest.raises(SettingError, match="an address must follow one of dask"):
        make_executor("DASK:")
    with pytest.raises(UnknownNameError, match="unknown executor 'tcp': known are"):
        make_executor("tcp://scheduler:8786")


@pytest.mark.parametrize(
    ("written", "said"),
    [("pbs", "'slurm', with submit="), ("loky", "'joblib'?"), ("thread", "'threads'?")],
)
def test_what_other_executors_suggest(written, said):
    with pytest.raises(UnknownNameError, match="unknown executor") as raised:
        make_executor(written)
    assert said in str(raised.value)


def test_rules_of_early_stopping():
    for written in ("Median", "MedianRule", "median-pruner"):
        made = early_stopping.make_early_stopping(written, {"warmup_steps": 2})
        assert made == early_stopping.MedianRule(2)
    with pytest.raises(UnknownNameError, match="'Hyperband': did you mean 'halving'"):
        early_stopping.make_early_stopping("Hyperband")


def test_inside_other_strategies_and_in_a_file_names_are_the_canonical_ones(tmp_path):
    chain = Chain(stages=[("Random Search", 3), ("TPE", None)])
    names = [stage["name"] for stage, _ in chain.settings()["stages"]]
    assert names == ["random", "tpe"]
    assert Memetic(algorithm="Genetic-Algorithm").settings()["algorithm"]["name"] == "genetic"
    with pytest.raises(UnknownNameError, match="generational") as raised:
        Memetic(algorithm="gp")
    assert "did you mean" not in str(raised.value)
    problem = hpopt.FunctionProblem(lambda config: config["x"], {"x": hpopt.Float(0, 1)})
    for name in ("Random-Search", "random"):
        path = tmp_path / "study.db"
        hpopt.optimize(problem, name, trials=1, study=path, progress=False)
        assert hpopt.Study.load(path).header["optimizer"]["name"] == "random"


@pytest.mark.parametrize(("family", "names"), FAMILIES, ids=["optimizer", "executor", "rule"])
def test_no_spelling_hides_a_name_and_all_advice_is_of_use(family, names):
    for name in names:
        assert known_name("", name.upper(), names, aliases=family.SPELLINGS) == name
    assert set(family.SPELLINGS.values()) <= set(names)
    for written, said in family.ADVICE.items():
        with pytest.raises(UnknownNameError) as raised:
            known_name("", written, names, aliases=family.SPELLINGS, advice=family.ADVICE)
        assert said in names or any(f"'{name}'" in said or '"halving"' in said for name in names)
        assert said in str(raised.value)
