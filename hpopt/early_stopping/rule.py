"""What a rule of early stopping is, and how its settings are checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from hpopt.checks import number
from hpopt.core import Curve, Objective, Trial
from hpopt.errors import SettingError

StopTest = Callable[[Curve], bool]
# From the reports of an evaluation, as (step, value), to whether to stop it. Where it has a true
# attribute `is_end`, what it stops is complete: it would have come no further.

# Without `warmup_steps` no trial is stopped in the first tenth of the steps that the longest of the
# complete trials had. On six tasks of lcbench a median rule without it stops slow starters that
# would have won: `auto` ends at .45 of random search's regret in place of .32.
WARMUP_SHARE = 0.1


class EarlyStoppingRule(ABC):
    """A rule that finds evaluations not worth finishing: subclass it and write `begin`.

    It holds settings only, so one rule may serve several studies.

    Attributes
    ----------
    takes_several : bool
        Whether it also judges by several objectives; then write `begin_several` too.
    """

    takes_several: ClassVar[bool] = False

    @abstractmethod
    def begin(self, objective: Objective) -> Experience:
        """Return the experience of a new study whose reports are values of this objective."""

    def begin_several(self, objectives: Sequence[Objective]) -> Experience:
        """Return the experience of a new study of these objectives, by default of the first.

        With several, reports may be mappings of names to numbers.
        """
        return self.begin(objectives[0])


class Experience(ABC):
    """What a rule has learned from the finished trials of one study."""

    @abstractmethod
    def learn(self, trial: Trial) -> None:
        """Learn from a finished trial, whatever its status."""

    @abstractmethod
    def snapshot(self) -> StopTest | None:
        """Return what is known now, to travel with a trial; None where no trial could be stopped.

        It must be picklable and small, and must not change with what is learned later.
        """


class NothingToLearn(Experience):
    """The experience of a rule that looks at the trial alone."""

    def __init__(self, test: StopTest) -> None:
        self._test = test

    def learn(self, trial: Trial) -> None:
        """Learn nothing."""

    def snapshot(self) -> StopTest | None:
        """Return the test, always the same."""
        return self._test


def warmup(steps: float | None) -> float | None:
    """Return the setting `warmup_steps`: a number of at least 0, or None."""
    return None if steps is None else number("warmup_steps", steps, 0.0)


def first_step(warmup_steps: float | None, high: float) -> float:
    """Return the first step to stop at, where the longest complete trial ended at step `high`."""
    return WARMUP_SHARE * high if warmup_steps is None else warmup_steps


def check_objectives(rule: EarlyStoppingRule | None, objectives: Sequence[Objective]) -> None:
    """Raise SettingError where a rule made for one objective is to stop trials of several."""
    if rule is not None and len(objectives) > 1 and not rule.takes_several:
        # Hypervolume .606 with the median rule against .671 without it, worse on 5 of 5 seeds.
        raise SettingError(
            f"{type(rule).__name__} must have one objective to judge by, but the problem has "
            f"{len(objectives)}, {[each.name for each in objectives]}: it would stop trials that "
            'are good in another one. Use early_stopping="dominance", which compares trials with '
            "those that cost no more"
        )
