"""One strategy after another, each on all results so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hpopt.checks import whole
from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.optimizers.registry import as_settings, strategy_of
from hpopt.optimizers.stages import Stage, Stages

DEFAULT = (("quasi_random", 20), ("genetic", None))


class Chain(Stages):
    """Run strategies one after the other; each knows what those before it found.

    Use it to begin and to end with strategies that are good then: an even spread, then evolution,
    then local search around the best. Where one of them is as good from the start, or the budget is
    too small to share, take that one.

    ::

        for strategy, n in stages:
            strategy learns all results so far
            it is asked for n solutions (fewer, where it has nothing left)
            all of them are evaluated

    A stage begins when all results before it are there. The configs of `start` come before the
    first stage and are not counted. The search ends with the last stage's share, or when that has
    nothing left.

    Parameters
    ----------
    *parts : (strategy, n)
        A strategy (a name, a mapping with name and arguments, or an instance) and the number of its
        solutions. For the last one n may be None or left out: as many as the study wants.
    stages : sequence of (strategy, n)
        The same as one argument, as in run files and study files.
        By default 20 solutions of ``"quasi_random"``, then ``"genetic"``.

    Examples
    --------
    >>> hpopt.Chain((hpopt.QuasiRandomSearch(), 20), (hpopt.GeneticAlgorithm(), None))
    """

    name: ClassVar[str] = "chain"

    def __init__(self, *parts: Any, stages: Sequence[Any] | None = None) -> None:
        if parts and stages is not None:
            raise SettingError("a chain takes its parts, or stages=, but got both")
        given = parts if parts else DEFAULT if stages is None else stages
        if isinstance(given, str | Mapping) or not isinstance(given, Sequence) or not given:
            raise SettingError(
                f"stages must be a list of (strategy, n), with one at least, but got {given!r}"
            )
        self.stages = tuple(_parse_part(place, part) for place, part in enumerate(given))
        for place, (_, n) in enumerate(self.stages[:-1]):
            if n is None:
                raise SettingError(
                    "only the last stage of a chain may have no number, but got None for stage "
                    f"{place + 1} of {len(self.stages)}: what comes after it would never begin"
                )

    @classmethod
    def argument_names(cls) -> list[str]:
        """Return the name of the argument that holds all parts."""
        return ["stages"]

    def settings(self) -> dict[str, Any]:
        """Return the arguments as JSON data, those of the strategies too."""
        return {"stages": [[as_settings(strategy), n] for strategy, n in self.stages]}

    @property
    def n_possible(self) -> float:
        """The largest number of solutions that it can ask for: an int, or inf."""
        shares = [n for _, n in self.stages]
        if None in shares:
            return super().n_possible
        return min(super().n_possible, len(self.start) + sum(n for n in shares if n is not None))

    def _setup(self) -> None:
        super()._setup()
        for place, (strategy, _) in enumerate(self.stages):
            self.check_stage(f"stage {place + 1} of the chain", strategy)

    def _stage_in_words(self, index: int) -> str:
        return f"stage {index + 1} of {len(self.stages)}"

    def _stage(self, index: int, points: Floats, losses: Floats) -> Stage | None:
        if index == len(self.stages):
            return None
        strategy, n = self.stages[index]
        return Stage(strategy, n, self.space)


def _parse_part(place: int, part: Any) -> tuple[Optimizer, int | None]:
    """Return a strategy and its number of solutions from an argument."""
    named = f"stage {place + 1} of the chain"
    if isinstance(part, str | Mapping | Optimizer | type):
        part = (part, None)
    if not isinstance(part, Sequence) or len(part) not in (1, 2):
        raise SettingError(
            f'{named} must be (strategy, n), as ("quasi_random", 20), but got {part!r}'
        )
    strategy, n = part if len(part) == 2 else (part[0], None)
    return strategy_of(named, strategy), None if n is None else whole(f"n of {named}", n, 1)
