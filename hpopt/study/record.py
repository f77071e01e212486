"""What can be said of a study: the best of its trials, the front, tables, a report."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from hpopt.checks import whole
from hpopt.core import Front, Trial, failed
from hpopt.core.ranking import highest_fidelity, is_comparable, reference_losses
from hpopt.errors import HpoptError, StudyWarning, UnknownNameError
from hpopt.sheets import Line, Sheet
from hpopt.space import Narrowed, Space
from hpopt.storage import writer_of
from hpopt.study.callers import users_level
from hpopt.study.columns import Marks
from hpopt.study.no_best import no_values
from hpopt.study.stored_trials import StoredTrials


class Record(StoredTrials):
    """Read a study; each attribute is read from the storage when it is asked for.

    Attributes
    ----------
    header : dict
        The study's metadata: what it was made with, as JSON data.
    objectives : tuple of Objective
    space : Space
    """

    _reason = ""  # why the run ended that gave it

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

    def __repr__(self) -> str:
        where = "in memory" if self._path is None else f"in {self._path.name}"
        aims = ", ".join(f"{each.direction} {each.name}" for each in self.objectives)
        return f"<{type(self).__name__} of {self._describe_counts()} {where}: {aims}>"
