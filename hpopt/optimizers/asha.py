"""Asynchronous successive halving: many configs for short, and the best of them for longer.

Li et al. 2020, "A system for massively parallel hyperparameter tuning", algorithm 2,
https://arxiv.org/abs/1810.05934
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hpopt.checks import one_of, whole
from hpopt.core import Optimizer, Phase, Solution, Trial
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.optimizers.rungs import Halving, Ranked, size_of_bracket


class ASHA(Halving):
    """Train many configs a little, and at once go on with those that are among the best.

    Use it where an evaluation can be continued, or short ones are cheap, and values after little
    training tell of those after much. It never waits, so any number of workers is busy. Where few
    epochs say nothing of many, or there is time for some 20 trainings only, use ``"bayesian"``.

    At each ask::

        for rung from the last but one down to the lowest:
            if one of the best ⌊n / reduction⌋ of the n configs that have ended at this rung has not
            gone on: ask for the best of those at the next rung
        else: ask for a new config at the lowest rung

    The rungs are low, low · reduction, low · reduction² … and the highest fidelity; see
    `rungs_between`. What has failed counts among the n and never goes on. When nothing new is left
    to try, one config goes on from every rung that no other has left.

    Parameters
    ----------
    proposer : str, mapping or Optimizer
        Who chooses the new configs: a strategy's name, a mapping with name and arguments, or an
        instance that is not bound. With ``"tpe"`` or ``"bayesian"`` it is what others call MOBSTER,
        with a genetic algorithm evolution whose fitness is that after as many epochs as a config
        has had.
    low : float, optional
        The lowest rung; by default the problem's lowest fidelity.
    reduction : float, > 1
        One config in so many goes on from each rung, to a fidelity that is so many times as high.
    brackets : int, >= 1
        From how many of the rungs new configs begin, the lowest first. Each bracket compares its
        own configs only, and has as many as in ``"hyperband"``. With more than one, some configs
        are safe from being judged by the lowest fidelities.
    kind : {"promotion", "stopping"}
        With ``"stopping"`` nothing is continued: each config has one trial, at the highest
        fidelity, which the study stops at a rung where it is not among the best, by the rule
        ``"halving"`` of early stopping. It is for evaluations that cannot go on where they ended;
        they must report after each step and ask `should_stop`, and need no fidelity.

    References
    ----------
    Klein et al. 2020, "Model-based asynchronous hyperparameter and neural architecture search"
    (MOBSTER). https://arxiv.org/abs/2003.10865
    """

    name: ClassVar[str] = "asha"

    def __init__(
        self,
        *,
        proposer: str | Mapping[str, Any] | Optimizer = "random",
        low: float | None = None,
        reduction: float = 3,
        brackets: int = 1,
        kind: str = "promotion",
    ) -> None:
        super().__init__(proposer=proposer, low=low, reduction=reduction)
        self.brackets = whole("brackets", brackets, 1)
        self.kind = one_of("kind", kind, ("promotion", "stopping"))
        if self._stops and self.brackets > 1:
            raise SettingError(
                f'brackets must be 1 with kind="stopping", but got {brackets}: every trial passes '
                "all rungs"
            )

    @property
    def _stops(self) -> bool:
        return self.kind == "stopping"

    @property
    def early_stopping(self) -> Mapping[str, Any] | None:
        """The rule that stops trials, with ``kind="stopping"``."""
        if not self._stops:
            return None
        low = self.rungs[0] if self.rungs else self.low
        return {"name": "halving", "low": low, "reduction": self.reduction}

    @property
    def n_possible(self) -> float:
        """The largest number of solutions that it can ask for: an int, or inf."""
        return self.space.size if self._stops else super().n_possible

    def _setup(self) -> None:
        super()._setup()
        # What has ended, by bracket and rung; a bracket is known by its lowest rung.
        self._ended: dict[tuple[int, int], Ranked] = defaultdict(list)
        self._gone_on: set[int] = set()  # numbers of which it is known
        self._bests: dict[tuple[int, int], tuple[int, int, list[int]]] = {}
        if self._stops:
            self._check_stops()
            return
        if self.brackets > len(self.rungs):
            raise SettingError(
                f"brackets must be at most the number of rungs, {len(self.rungs)} "
                f"({', '.join(f'{rung:g}' for rung in self.rungs)}), but got {self.brackets}"
            )
        n = len(self.rungs)
        self._sizes = [size_of_bracket(n, k, self.reduction) for k in range(self.brackets)]

    def _check_stops(self) -> None:
        if len(self.objectives) > 1:
            raise SettingError(
                'kind="stopping" must have one objective to stop trials by, but the problem has '
                f"{len(self.objectives)}, {[each.name for each in self.objectives]}: leave kind "
                'out, or use another strategy with early_stopping="dominance"'
            )

    def _rungs_of_problem(self) -> list[float]:
        has_none = self._stops and self.fidelity is None  # the rule looks at what is reported
        return [] if has_none else super()._rungs_of_problem()

    def _shown(self) -> Optimizer:
        # All trials are of one fidelity, so the proposer may learn them as they are.
        return self.proposer if self._stops else super()._shown()

    def _start_fidelity(self, number: int) -> float:
        return self.highest if self._stops else super()._start_fidelity(number)

    @property
    def phase(self) -> Phase:
        """The rungs, and the phase of the proposer."""
        if self._stops:
            return self._phase_of("stops at rungs")
        lower = ", ".join(f"{rung:g}" for rung in self.rungs[:-1])
        return self._phase_of(f"rungs of {lower} and {self._in_units(-1)}")

    def _facts(self) -> Sequence[str]:
        """Return how many have gone on from each rung."""
        facts: list[str] = []
        if self._stops:
            return facts
        places = [self._place(solution) for solution in self.pending.values()]
        places += [place for place, ranked in self._ended.items() for _ in ranked]
        for rung, fidelity in enumerate(self.rungs[:-1]):
            n = sum(len(ranked) for (_, k), ranked in self._ended.items() if k == rung)
            n_next = sum(k == rung + 1 and bracket <= rung for bracket, k in places)
            if n_next:
                facts.append(f"rung {fidelity:g}: {n_next} of {n} go on")
        return facts

    def _tell(self, trials: Sequence[Trial]) -> None:
        super()._tell(trials)
        for trial in () if self._stops else trials:
            bracket, rung = self._place(trial.solution)
            for each in range(rung, 1 + max(rung, self._rung(trial.reached or 0.0))):
                insort(self._ended[bracket, each], self._ranked(trial.number))

    def _requeued(self) -> None:
        self._gone_on.clear()

    def _place(self, solution: Solution) -> tuple[int, int]:
        """Return the bracket of a solution's config, and the solution's own rung."""
        asked = self.proposals.fidelities(solution.point)
        return self._rung(asked[min(asked)]), self._rung(asked[solution.number])

    # -- asking --------------------------------------------------------------------------------

    def _ask_at(self, number: int, n: int) -> tuple[Floats, Floats]:
        if self._stops:
            return super()._ask_at(number, n)
        promoted = self._promoted(at_least=0)
        if promoted is not None:
            return promoted
        bracket = self._next_bracket()
        points = self._ask(number, 1)
        if len(points) or self.pending:
            return self._at(points, bracket)
        return self._promoted(at_least=1) or self._at(points, bracket)

    def _promoted(self, *, at_least: int) -> tuple[Floats, Floats] | None:
        """Return the config that goes on next, and where; None without one."""
        for rung in reversed(range(len(self.rungs) - 1)):
            for bracket in range(min(self.brackets, rung + 1)):
                n = max(at_least, int(len(self._ended[bracket, rung]) // self.reduction))
                for number in self._best_at((bracket, rung), n):
                    if number in self._gone_on or number in self._final:
                        continue
                    point = self._point(number)
                    if max(self.proposals.fidelities(point).values()) <= self.rungs[rung]:
                        return self._at(point[None], rung + 1)
                    self._gone_on.add(number)
        return None

    def _best_at(self, place: tuple[int, int], n: int) -> list[int]:
        """Return the n best that have ended at a place, kept until there are more."""
        ranked = self._ended[place]
        n_ended, n_best, best = self._bests.get(place, (0, 0, []))
        if (n_ended, n_best) != (len(ranked), n):
            best = self._best(ranked, n)
            self._bests[place] = len(ranked), n, best
        return best

    def _next_bracket(self) -> int:
        """Return the bracket that has the fewest configs for its size."""
        if self.brackets == 1:
            return 0
        n_begun = [len(self._ended[k, k]) for k in range(self.brackets)]
        for solution in self.pending.values():
            bracket, rung = self._place(solution)
            if bracket == rung < self.brackets:
                n_begun[bracket] += 1
        return min(range(self.brackets), key=lambda k: (n_begun[k] + 1) / self._sizes[k])
