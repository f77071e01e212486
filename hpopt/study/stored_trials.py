"""The trials of a study as they are stored, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpopt.core import STATUSES, Constraint, Fidelity, Objective, Ranking, Trial
from hpopt.core.trial import OUTPUT_FILE
from hpopt.errors import ConfigError, HpoptError, StudyFileError
from hpopt.space import Space
from hpopt.storage import MemoryStorage, Storage
from hpopt.storage.running import Running, read_running
from hpopt.study.folders import TrialFolders, end_of_file
from hpopt.study.metadata import constraints_in, fidelity_in, has_tuples

Opening = Callable[[], AbstractContextManager[Storage]]


class StoredTrials:
    """The trials of a study, finished and running, and what is stored about it; see `Record`."""

    def __init__(
        self,
        header: Mapping[str, Any],
        objectives: tuple[Objective, ...],
        space: Space,
        opening: Opening,
        path: Path | None = None,
    ) -> None:
        self.header = dict(header)
        self.objectives, self.space = objectives, space
        self._opening, self._path = opening, path
        self._has_tuples = has_tuples(space)

    @property
    def path(self) -> Path | None:
        """The study file; None in memory."""
        return self._path

    @property
    def fidelity(self) -> Fidelity | None:
        """The resource that one evaluation may spend, where the problem has one."""
        return fidelity_in(self.header)

    @property
    def trials(self) -> list[Trial]:
        """All finished trials, by number."""
        return list(self.iterate())

    def iterate(self) -> Iterator[Trial]:
        """Yield the finished trials by number, without holding them all in memory."""
        with self._opening() as storage:
            yield from map(self._restore, storage.trials())

    def changes(self, place: int = -1, first: int = 0) -> Iterator[tuple[int, Trial]]:
        """Yield the trials that were observed after a place, each with its own place.

        Parameters
        ----------
        place : int
            The largest so far; -1 for all trials. A trial that has been continued comes again.
        first : int
            The least number of a trial: in a long study the few new ones come at the end.
        """
        with self._opening() as storage:
            for at, trial in storage.observed_after(place, first):
                yield at, self._restore(trial)

    def trial(self, number: int) -> Trial:
        """Return the finished trial of a number.

        Raises
        ------
        SettingError
            There is none.
        """
        with self._opening() as storage:
            return self._restore(storage.trial(number))

    def output(self, number: int) -> str:
        """Return the end of what a trial printed, at most 20,000 characters."""
        with self._opening() as storage:
            output = storage.output(number)
        if output or self._path is None:
            return output
        return end_of_file(Path(TrialFolders(self._path).of(number)) / OUTPUT_FILE)

    @property
    def counts(self) -> dict[str, int]:
        """How many trials have each status, and how many are ``pending``."""
        with self._opening() as storage:
            counts = storage.count()
        return {status: counts.get(status, 0) for status in (*STATUSES, "pending")}

    @property
    def pending_numbers(self) -> list[int]:
        """The numbers of the trials that were asked and have not finished."""
        with self._opening() as storage:
            return storage.pending_numbers()

    @property
    def running(self) -> list[Running]:
        """What was asked and has not finished: where each runs, since when, its last report.

        It can be read by any process on this machine, or on one that sees the study's folder.
        Where no process is writing the study, they are what it left when it ended.
        """
        return self.running_from(0)

    def running_from(self, first: int) -> list[Running]:
        """Return those of `running` whose number is `first` or more."""
        with self._opening() as storage:
            return read_running(storage, self._path, first)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The bounds on what an evaluation returns."""
        return constraints_in(self.header)

    @property
    def ranking(self) -> Ranking:
        """What says which of two trials is better, and which are feasible."""
        return Ranking(self.objectives, self.constraints)

    def _restore(self, trial: Trial) -> Trial:
        """Return a trial as it was before JSON: with the tuples of its choices.

        Raises
        ------
        StudyFileError
            It is not one of this study's: the file was changed.
        """
        if trial.ok and any(each.name not in trial.outcome.values for each in self.objectives):
            raise _not_of_this_study(trial, f"its values are {trial.values!r:.200}")
        if not self._has_tuples:
            return trial
        solution = trial.solution
        try:
            config = self.space.validate(solution.config)
        except (ConfigError, ValueError, TypeError, ArithmeticError) as error:
            raise _not_of_this_study(trial, str(error)) from None
        return replace(trial, solution=replace(solution, config=config))

    def _describe_counts(self) -> str:
        """Return how many trials there are of which status, also where they cannot be read."""
        try:
            counts = self.counts
        except (HpoptError, OSError):
            return "trials that cannot be read"
        n = sum(counts.values()) - counts["pending"]
        others = ", ".join(f"{k} {status}" for status, k in counts.items() if k)
        plain = counts["complete"] == n and not counts["pending"]
        return f"{n} trials" + ("" if plain else f" ({others})")

    # -- pickled, with the trials and without the file -------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        import cloudpickle

        with self._opening() as storage:
            contents = MemoryStorage.copy_of(storage)
        # What a space forbids may be lambdas, which plain pickle cannot carry.
        space = cloudpickle.dumps(self.space)
        return vars(self) | {"space": space, "_path": None, "_opening": contents}

    def __setstate__(self, state: dict[str, Any]) -> None:
        import cloudpickle

        storage: Storage = state["_opening"]
        space = cloudpickle.loads(state["space"])
        vars(self).update(state, space=space, _opening=lambda: nullcontext(storage))


def _not_of_this_study(trial: Trial, why: str) -> StudyFileError:
    return StudyFileError(
        f"the trials of a study must fit its space and objectives, but trial {trial.number} does "
        f"not ({why:.500}): something else has changed the file"
    )
