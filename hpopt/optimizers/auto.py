"""Choose the strategy by the problem: by its space, the budget, and the cost of evaluations.

In the manner of Meunier et al. 2022 (nevergrad's NGOpt), "Black-box optimization revisited",
https://doi.org/10.1109/TEVC.2021.3108185.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from statistics import median
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import positive, whole
from hpopt.core import Optimizer, Phase, Trial
from hpopt.core.objective import MOST_OBJECTIVES
from hpopt.core.phase import EVOLUTION, IN_TURN, MODEL
from hpopt.core.proposals import Floats
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.optimizers.bayesian_optimization import BayesianOptimization
from hpopt.optimizers.freeze_thaw import FreezeThaw
from hpopt.optimizers.genetic_algorithm import GeneticAlgorithm
from hpopt.optimizers.grid_search import GridSearch
from hpopt.optimizers.steady_state import SteadyState
from hpopt.optimizers.surrogates.facts import last_number
from hpopt.optimizers.surrogates.local_model import LocalModel, suits
from hpopt.optimizers.surrogates.transfer import EVERYTHING

CHEAP_SECONDS = 0.02  # an evaluation, per worker: about what an ask of the model takes
RECENT = 21  # evaluations whose median is the cost: odd, and few enough to follow a change
SMALL_BUDGET = 300  # trials: a model's asks take some seconds in all, which nobody minds
# Of a larger budget of cheap trials one in 50, and at least 30, may ask the model.
FEWEST_ASKS, TRIALS_AN_ASK = 30, 50
MANY = 2000  # results, of which the model learns from 200: evolution uses them all
# A fidelity is used where the highest is at least so many times the lowest: the shortest trainings
# then cost a third of a full one, and less would save little.
LEAST_RANGE = 3
LEAST_RANGE_ANEW = 4  # where each evaluation begins anew: freeze-thaw's levels are a quarter apart
# Of 30 trials the first ten are short ones, and two or three complete a config: with fewer there is
# next to nothing to compare.
FEWEST_TRIALS = 30
FEW = 12  # configs: a space of no more is tried whole, whatever the budget is
# One or two configs in three come from the quadratic model.
TURNS, LOCAL_TURN = 3, 2


GRID = "all configs in a random order"


class Way(Enum):
    """Which strategies are asked, in words."""

    GENETIC = "genetic algorithm"
    ALL_CONFIGS = "grid"
    EVOLUTION = "steady state"
    IN_TURN = "Gaussian process and steady state in turn"
    MODEL = "Gaussian process"


class Auto(Optimizer):
    """Choose among the strategies, and choose again when the facts change.

    Use it unless something else is known to be better: it is the default. All strategies that it
    runs learn from all results, so that it can change within a study::

        more than four objectives              genetic
        no more configs than trials            all of them, in a random order
        otherwise                              bayesian, and with it
          few numbers, all continuous,         the middle first; one or two configs in three from
          one objective, no constraints        a quadratic model around the best one
          evaluations below 20 ms, after a     steady_state: the model would take longer than the
          while                                evaluation
          beyond 2,000 results                 bayesian and steady_state in turn
          a fidelity of high ≥ 3 low           freeze_thaw: many short trainings, and the promising
                                               configs go on; all this where short ones mislead

    A fidelity is left at the highest where a rule of early stopping ends trainings, where the study
    shall have fewer than 30 trials or as many as there are configs, and where evaluations at the
    highest fidelity are cheap.

    The cost of an evaluation is the median of the last 21 results, divided by the number of
    evaluations that run at the same time. It counts after `model_trials` only; with a budget above
    300 trials already after one in 50 of them, and with a smaller budget never: the model's time
    does not matter in a short search.

    Parameters
    ----------
    seconds : float, > 0, optional
        The cost of an evaluation. By default it is measured; then, near the limit of 20 ms, the
        same seed may give another search on another machine. (Resuming a study is exact all the
        same: it has the seconds of its trials.)
    model_trials : int, >= 1
        For how many trials the model is asked even where evaluations are cheap.

    Attributes
    ----------
    explanation : str
        What the search does now, and why, in one line.
    """

    name: ClassVar[str] = "auto"

    def __init__(self, *, seconds: float | None = None, model_trials: int = 200) -> None:
        self.seconds = None if seconds is None else positive("seconds", seconds)
        self.model_trials = whole("model_trials", model_trials, 1)

    def _setup(self) -> None:
        self._measured: deque[float] = deque(maxlen=RECENT)
        self._seconds = math.inf if self.seconds is None else self.seconds
        self._size = self.space.size
        self._budget = math.inf
        self._freeze_thaw: FreezeThaw | None = None
        self._stops_early = False
        if len(self.objectives) > MOST_OBJECTIVES:
            self._genetic = self.host(GeneticAlgorithm())
            return
        if self._has_wide_fidelity() and len(self.objectives) == 1:
            full = Auto(seconds=self.seconds, model_trials=self.model_trials)
            self._freeze_thaw = self.host(FreezeThaw(full=full))
            return
        self._everything = self.host(GridSearch(shuffle=True))
        self._bayesian = self.host(BayesianOptimization())
        self._evolution = self.host(SteadyState())
        is_local = len(self.objectives) == 1 and not self.constraints and suits(self.space)
        self._local = LocalModel(self.space.d) if is_local else None
        self._verdict = EVERYTHING

    def _has_wide_fidelity(self) -> bool:
        if self.fidelity is None:
            return False
        least = LEAST_RANGE if self.fidelity.resumes else LEAST_RANGE_ANEW
        return self.highest >= least * self.lowest

    def expect(self, trials: int) -> None:
        """Take note of how many trials the study shall have; see `Optimizer.expect`."""
        super().expect(trials)
        self._budget = trials

    def expect_early_stopping(self, expected: bool) -> None:
        """Take note of whether the study stops trials early; see the method of `Optimizer`."""
        super().expect_early_stopping(expected)
        self._stops_early = expected

    def _tell(self, trials: Sequence[Trial]) -> None:
        taken = (trial.seconds / self._share_trained(trial) for trial in trials)
        self._measured.extend(seconds for seconds in taken if seconds > 0)
        if self.seconds is None and self._measured:
            self._seconds = median(self._measured)

    def _share_trained(self, trial: Trial) -> float:
        """Return how much of the highest fidelity an evaluation spent."""
        own = trial.solution.fidelity
        if own is None or trial.status != "complete":
            return 1.0
        if self.fidelity is not None and not self.fidelity.resumes:
            return own / self.highest
        asked = self.proposals.fidelities(trial.solution.point).values()
        return (own - max((each for each in asked if each < own), default=0.0)) / self.highest

    # -- choosing ------------------------------------------------------------------------------

    @property
    def _short_first(self) -> FreezeThaw | None:
        """The strategy that begins with short trainings, where it is to be asked."""
        return None if self._why_full() else self._freeze_thaw

    def _why_full(self) -> str:
        """Return why all configs get the highest fidelity though there are others; else empty."""
        if self._freeze_thaw is None:
            return ""
        if self._stops_early:
            return "early stopping is used"
        if self._size <= self._budget < math.inf:
            return "there are no more configs than trials"
        if self._budget < FEWEST_TRIALS:
            return f"a study begun for {self._budget:g} trials is too small for short ones"
        return "short trainings would save no time" if self._is_cheap() else ""

    @property
    def phase(self) -> Phase:
        """The present choice and its reason."""
        if self._freeze_thaw is not None:
            why_full = self._why_full()
            return (
                self._freeze_thaw.phase_of_full(why_full) if why_full else self._freeze_thaw.phase
            )
        way, number, cost = self._way(), last_number(self), self._cost
        duration = f"{cost:.2g} s" if cost >= 1 else f"{1000 * cost:.2g} ms"
        if way is Way.ALL_CONFIGS:
            return Phase(way.value, f"all {int(self._size)} configs can be tried", plain=GRID)
        if way is Way.GENETIC:
            return Phase(way.value, f"{len(self.objectives)} objectives", plain=EVOLUTION)
        if way is Way.EVOLUTION:
            return Phase(
                way.value, f"an evaluation takes {duration}, less than a model", plain=EVOLUTION
            )
        phase = self._bayesian.phase_at(number)
        if way is Way.IN_TURN:
            name = f"{phase.name} and steady state in turn"
            return Phase(name, f"there are {MANY} results and more", phase.learned, IN_TURN)
        if phase.reason:  # it has no model yet, or TPE asks in its place
            return phase
        if self._local is not None:
            numbers = f"{self.space.d} continuous number{'s' * (self.space.d != 1)}"
            return Phase("Gaussian process and quadratic steps", numbers, phase.learned, MODEL)
        if len(self.history) >= self._n_free:
            return replace(phase, reason=f"an evaluation takes {duration}, more than the model")
        return phase

    @property
    def chooses_fidelities(self) -> bool:
        """Whether the problem has a fidelity that it uses."""
        return self._freeze_thaw is not None

    def _facts(self) -> Sequence[str]:
        if self._freeze_thaw is not None:
            return self._freeze_thaw.facts
        has_model = self._way() in (Way.MODEL, Way.IN_TURN)
        return self._bayesian.facts_of(self) if has_model else []

    def _way(self) -> Way:
        """Return the present choice."""
        if len(self.objectives) > MOST_OBJECTIVES:
            return Way.GENETIC
        if self._size <= max(FEW, self._budget if self._budget < math.inf else 0):
            return Way.ALL_CONFIGS
        if self._is_cheap():
            return Way.EVOLUTION
        return Way.MODEL if len(self.history) < MANY else Way.IN_TURN

    def _is_cheap(self) -> bool:
        return len(self.history) >= self._n_free and self._cost < CHEAP_SECONDS

    @property
    def _cost(self) -> float:
        """Seconds per evaluation of all workers together; inf where they are unknown."""
        return self._seconds / max(1, len(self.pending))

    @property
    def _n_free(self) -> float:
        """The number of results after which the cost counts."""
        if self._budget <= SMALL_BUDGET:
            return math.inf
        if self._budget == math.inf:  # nobody knows it; and inf // 50 is nan
            return self.model_trials
        return min(self.model_trials, max(FEWEST_ASKS, self._budget // TRIALS_AN_ASK))

    # -- asking --------------------------------------------------------------------------------

    def _start_fidelity(self, number: int) -> float:
        short = self._short_first
        return self.highest if short is None else short.start_at(number)

    @property
    def n_possible(self) -> float:
        """The largest number of solutions that it can ask for: an int, or inf."""
        short = self._short_first
        return super().n_possible if short is None else short.n_possible

    def continuable(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of these observed solutions may be asked again, the likeliest first."""
        short = self._short_first
        return super().continuable(numbers) if short is None else short.continuable(numbers)

    def _ask_at(self, number: int, n: int) -> tuple[Floats, Floats]:
        short = self._short_first
        return super()._ask_at(number, n) if short is None else short.propose_at(number, n)

    def _ask(self, number: int, n: int) -> Floats:
        if self._freeze_thaw is not None:  # to be trained to the end
            return self._freeze_thaw.propose_full(number, n)
        way = self._way()
        if way is Way.GENETIC:
            return self._genetic.propose(number, n)
        if way is Way.ALL_CONFIGS:
            return self._everything.propose(number, n)
        # Beyond MANY results the two take turns by number.
        if way is Way.EVOLUTION or (way is Way.IN_TURN and number % 2):
            return self._evolution.propose(number, n)
        points = self._beside(number)
        return self._bayesian.propose(number, n) if points is None else points

    def _beside(self, number: int) -> Floats | None:
        """Return the middle of the space, or a quadratic step, if it is their turn; else None."""
        if self._local is None:
            return None
        check = self._bayesian.check_point(number)
        if check is not None:
            return check
        if number == len(self.start) and not len(self.knowledge):
            return self.novel(self.space.middle[None], self.generator(number), before=number)
        turn = number % TURNS
        if not turn or not self._bayesian.has_model(number) or self._bayesian.is_blind(number):
            return None
        return self._quadratic_step(number, turn)

    def _quadratic_step(self, number: int, turn: int) -> Floats | None:
        """Return the step of the quadratic model, if it is new and not likely wasted.

        The model has two turns of three while its steps find new bests, and else one.
        """
        learner = self._bayesian.learner
        observed = learner.observed
        if learner.verdict is not self._verdict:  # what is known counts otherwise now
            self._verdict, self._local = learner.verdict, LocalModel(self.space.d)
        local = self._local
        if local is None:
            return None
        local.learn(observed)
        if turn != LOCAL_TURN and not local.leads:
            return None
        pending = np.array([self.pending[k].point for k in sorted(self.pending)])
        with single_blas_thread():
            step = local.step(observed, pending, self.generator(number, 1))
        if step is None:
            return None
        point = self.space.snap(step[None])
        if not self.unknown(point, before=number).all() or self._bayesian.is_wasted(point[0]):
            return None
        return point
