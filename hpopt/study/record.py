"""What can be read of a study: its trials, the best of them, and how many there are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from hpopt.checks import whole
from hpopt.core import STATUSES, Constraint, Fidelity, Front, Objective, Ranking, Trial, failed
from hpopt.core.ranking import highest_fidelity, is_comparable, reference_losses
from hpopt.errors import (
    ConfigError,
    HpoptError,
    StudyFileError,
    StudyWarning,
    UnknownNameError,
)
from hpopt.sheets import Line, Sheet
from hpopt.space import Narrowed, Space
from hpopt.storage import MemoryStorage, Storage, writer_of
from hpopt.storage.running import Running, read_running
from hpopt.study.callers import users_level
from hpopt.study.columns import Marks
from hpopt.study.metadata import constraints_in, fidelity_in, has_tuples
from hpopt.study.no_best import no_values

Opening = Callable[[], AbstractContextManager[Storage]]


class Record:
    """Read a study; each attribute is read from the storage when it is asked for.

    Attributes
    ----------
    header : dict
        The study's metadata: what it was made with, as JSON data.
    objectives : tuple of Objective
    space : Space
    """

    _reason = ""  # why the run ended that gave it

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
            return storage.output(number)

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

    # Its type has no None, which is there with constraints only: others need not look for it.
    @property
    def best(self) -> Trial:
        """The best feasible trial by the first objective; the earliest, among equals.

        Where trials have a fidelity, it is among those of the highest that any feasible one has.
        It is None where trials have values and none meets all constraints yet: a `StudyWarning`
        then says which is the nearest.

        Where there may be none, use ``top(1)``, which is an empty list then.

        Raises
        ------
        NoValuesError
            No trial has values; says how many have which status, and the last error.
        """
        found = self._first()
        if found is None:
            raise no_values(self.counts, self.iterate())
        ranking = self.ranking
        if ranking.is_feasible(found):
            return found
        warnings.warn(ranking.nearest_in_words(found), StudyWarning, stacklevel=users_level())
        return cast("Trial", None)

    def _first(self) -> Trial | None:
        """Return the first trial of the ranking, feasible or not; None where none has values."""
        return next(iter(self.ranking.top(self.iterate(), 1)), None)

    def top(self, n: int) -> list[Trial]:
        """Return the n best feasible trials by the first objective, best first.

        Those of a higher fidelity come before others.
        """
        ranking = self.ranking
        return ranking.top(filter(ranking.is_feasible, self.iterate()), n)

    @property
    def front(self) -> list[Trial]:
        """The feasible trials that no other dominates, the best by the first objective first.

        One dominates another if it is no worse in any objective, and better in one. Where trials
        have a fidelity, they are of the highest that any feasible one has. The list is empty where
        no trial is feasible; of one objective it is the best, and those that equal it.
        """
        return self.ranking.front(self.iterate())

    @property
    def knee(self) -> Trial:
        """The trial in the bend of the front, from where all that is better in one costs most.

        With the best value of each objective on the front as 0 and the worst as 1, it is the trial
        with the least sum. Of two objectives, it is the one that is farthest from the line between
        the two ends of the front. None where `best` is.

        Raises
        ------
        NoValuesError
            No trial has values.
        """
        found = self.ranking.knee(self.front)
        return self.best if found is None else found

    def hypervolume(self, reference: Mapping[str, float] | Sequence[float] | None = None) -> float:
        """Return the volume between the front and a reference point: the larger, the better.

        Parameters
        ----------
        reference : mapping of str to float or sequence of float, optional
            A value for each objective, by name or in their order. Trials that are no better than
            it in all objectives add nothing. By default the worst value of each objective among
            all feasible trials of its fidelity, which depends on the study: to compare
            studies, give the same to each.

        Returns
        -------
        float, at least 0
            In the product of the objectives' units.

        Raises
        ------
        SettingError
            The reference has not exactly one number for each objective.
        """
        worst = None if reference is None else reference_losses(self.objectives, reference)
        front = Front(self.objectives, self.constraints)
        for trial in self.iterate():
            front.add(trial)
        return front.hypervolume(worst)

    def narrow(
        self,
        *,
        objective: str | None = None,
        keep: float = 0.1,
        confidence: float = 0.95,
        min_values: int = 2,
        min_width: float = 0.1,
    ) -> Narrowed[Space]:
        """Drop the values and ends of ranges of the space that underperform, and say why.

        Of several fidelities, trials of the highest one are judged by. Those that break a
        constraint count as failures.

        Parameters
        ----------
        objective : str, optional
            Which objective to judge by; by default the first.
        keep, confidence, min_values, min_width
            See `Space.narrow`.

        Returns
        -------
        Narrowed
            With ``space``, for another problem, and ``reasons``; print it.
        """
        directions = {each.name: each.direction for each in self.objectives}
        name = self.objectives[0].name if objective is None else objective
        if name not in directions:
            raise UnknownNameError("objective", str(name), directions)
        highest = highest_fidelity(self.iterate())
        known = (trial for trial in self.iterate() if is_comparable(trial, highest))
        broken = failed("it breaks a constraint")
        return self.space.narrow(
            (t if self.ranking.is_feasible(t) else replace(t, outcome=broken) for t in known),
            objective=name,
            direction=directions[name],
            keep=keep,
            confidence=confidence,
            min_values=min_values,
            min_width=min_width,
        )

    def marks(self) -> Callable[[Trial], Marks]:
        """Return a function that says of a trial what its columns do not.

        With constraints, whether it is ``feasible``: has values that meet them all. Of several
        objectives, whether it is ``on_front``, which is read once, now.
        """
        ranking, several = self.ranking, len(self.objectives) > 1
        front = {trial.number for trial in self.front} if several else set()

        def of(trial: Trial) -> Marks:
            feasible = {"feasible": ranking.is_feasible(trial)} if ranking.constraints else {}
            return feasible | ({"on_front": trial.number in front} if several else {})

        return of

    def to_pandas(self) -> Any:
        """Return the trials as a pandas.DataFrame, one row a trial.

        Columns are number, status, fidelity (where trials have one), feasible (with constraints),
        on_front (of several objectives), the values by name (``values.<name>`` where it is that of
        another column), ``info.<name>``, a column for each parameter, started, seconds, memory,
        worker, generation, parents, error.

        A parameter's column is ``config.<name>`` and has its own type: float64; int64, or Int64
        where some trials lack it; bool or boolean; text. Of a list there are its length,
        ``config.len(layers)``, and the parameters of each layer, ``config.layers[0].units``.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        from hpopt.study.frame import frame_of

        return frame_of(self)

    def summary(self, *, top: int | None = None) -> Sheet:
        """Return the best trials, of several objectives the front, and the state of the rest.

        It is what ``hpopt show`` prints. Print it, and it fits the terminal; in a notebook it is
        a table.

        Parameters
        ----------
        top : int, optional
            How many of the best, by default 5; of the front, by default 20.
        """
        from hpopt.reports.tables import summary

        top = None if top is None else whole("top", top, 1)
        path = self.path
        writer = None if path is None else writer_of(path)
        return summary(self, top=top, path=path, writer=writer, reason=self._reason)

    def _repr_html_(self) -> str:
        try:
            return self.summary()._repr_html_()
        except (HpoptError, OSError):
            return Sheet((Line(repr(self)),))._repr_html_()

    def report(self, path: Path | str) -> Path:
        """Write a report as one HTML file, which opens in any browser without a network.

        Of several studies head to head, see `hpopt.reports.report`.
        """
        from hpopt.reports.page import report

        return report(self, path)

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

    def __repr__(self) -> str:
        where = "in memory" if self._path is None else f"in {self._path.name}"
        aims = ", ".join(f"{each.direction} {each.name}" for each in self.objectives)
        return f"<{type(self).__name__} of {self._describe_counts()} {where}: {aims}>"

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
