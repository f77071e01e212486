"""Every strategy by its name, where 30 % of the evaluations fail at random."""

import numpy as np
import pytest
from problems_for_tests import CHOOSING_FIDELITY, of, trial_of

from hpopt.core import failed
from hpopt.core.trial import Trial
from hpopt.optimizers import BY_NAME, make_optimizer

from .test_convergence import PROBLEMS

WORKERS, SHARE = 8, 0.3
SETTINGS = {
    "chain": {"stages": [["quasi_random", 20], ["genetic", 40], ["neighbourhood", None]]},
    "grid": {"shuffle": True},
}
ELSEWHERE = {"bayesian", "cmaes", "tpe"}
"""Those of models have such a test in their own files, on problems that suit them."""

BLIND = {"grid", "latin_hypercube", "quasi_random", "random"}
"""They learn nothing, so that their results get no better: only the best of more does."""


def losses_of(name, seed, n):
    """Give the losses of a search by 8 workers, in the order of their telling."""
    function, space = PROBLEMS["quadratic"]
    optimizer = make_optimizer(name, SETTINGS.get(name, {})).bind(of(function, space), seed=seed)
    lost = np.random.default_rng(seed).random(n + WORKERS) < SHARE
    while len(optimizer.history) < n:
        optimizer.ask(WORKERS - len(optimizer.pending) or 1)
        number = min(optimizer.pending, key=lambda number: number * 7919 % 13)
        solution = optimizer.pending[number]
        fine = trial_of(solution, function(solution.config))
        optimizer.tell(Trial(solution, failed("lost")) if lost[number] else fine)
    return optimizer.history.losses[:, 0]


@pytest.mark.parametrize("name", sorted({*BY_NAME} - ELSEWHERE - CHOOSING_FIDELITY))
def test_it_spends_its_budget_and_improves(name):
    n = 40 if name == "auto" else 120  # auto's first asks fit a model
    losses = np.array([losses_of(name, seed, n) for seed in range(3)])
    assert losses.shape == (3, n)
    assert 0.6 < np.isfinite(losses).mean() < 0.8
    assert losses.min(axis=1).sum() < losses[:, : n // 4].min(axis=1).sum()
    early, late = losses[:, : n // 4], losses[:, -n // 4 :]
    assert name in BLIND or np.median(late) < np.median(early)
