"""A study that is open: asked and told by a loop of the user's own."""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from hpopt.checks import Duration, whole
from hpopt.core import Optimizer, Previous, Problem, Solution, Trial
from hpopt.early_stopping import EarlyStoppingRule
from hpopt.errors import StudyError, StudyWarning
from hpopt.stopping import StoppingRule, Time
from hpopt.storage import Header, Storage, open_storage
from hpopt.study.arguments import early_rule_of
from hpopt.study.ask_tell import AskTell, Value
from hpopt.study.knowledge import Learned, learn_from
from hpopt.study.opening import read_study
from hpopt.study.record import Record
from hpopt.study.state import StudyState

Path_ = str | os.PathLike[str]
Self = TypeVar("Self", bound="OpenStudy")


class OpenStudy(Record):
    """Hand out solutions and take results, as `Study` does, which adds runs.

    Parameters
    ----------
    problem : Problem
    optimizer : Optimizer
        Bound to the problem, as the study began.
    header : dict
        What the storage has of the study.
    storage : Storage
        Open to be written; it is closed with the study.
    path : path, optional
        As the user gave it.
    keep_paused : int or None
        How many bytes the files of paused trials may take.
    """

    def __init__(
        self,
        problem: Problem,
        optimizer: Optimizer,
        header: Header,
        storage: Storage,
        path: Path | None,
        *,
        keep_paused: int | None,
    ) -> None:
        self.problem = problem
        self._given, self._opened_at = path, storage.location
        absolute = None if path is None else path.absolute()
        super().__init__(
            header, optimizer.objectives, problem.space, lambda: nullcontext(storage), absolute
        )
        self._state = StudyState(problem, optimizer, storage, absolute, keep_paused=keep_paused)
        self._ask_tell = AskTell(self._state)
        self._closing = weakref.finalize(self, storage.close)

    @property
    def optimizer(self) -> Optimizer:
        """What proposes solutions; bound, and told the journal when it is first asked."""
        return self._state.optimizer

    @property
    def path(self) -> Path | None:
        """The study file as it was given; None in memory.

        Where the file was deleted or replaced while the study was open, the one that the study
        was saved to.
        """
        now = self._state.storage.location
        return self._given if now == self._opened_at else now

    @property
    def seed(self) -> int:
        """The seed that everything random in the study follows from."""
        return int(self.header["seed"])

    def _first(self) -> Trial | None:
        tally = self._opened().tally
        return tally.best or tally.nearest

    def learn_from(self, source: Path_ | Record) -> Learned:
        """Take up what an earlier study on an overlapping space found, before the first trial.

        Its trials that fit this space are told to the optimizer as known. They are kept in this
        study's file, so it goes on without the other; to learn from the same study again
        changes nothing, whatever that one has gained since.

        Parameters
        ----------
        source : path, Study, Record or Result

        Returns
        -------
        Learned
            How many trials were learned, and why others were left out; print it.

        Raises
        ------
        StudyError
            This study has begun.
        StudyMismatchError
            An objective of this name had the other direction.
        """
        state = self._opened()
        with state.lock:
            self.header, learned = learn_from(
                state.optimizer, self.header, source, state.storage, read_study
            )
        return learned

    # -- a loop of your own --------------------------------------------------------------------

    def expect(self, trials: int) -> None:
        """Have the strategy know how many trials the study shall have, before the first is asked.

        `run` does so itself. A study keeps the number that it began with: later calls change
        nothing.
        """
        trials, state = whole("trials", trials, 1), self._opened()
        if "trials" in self.header or any(state.storage.count().values()):
            return
        self.header = {**self.header, "trials": trials}
        state.storage.write_header(self.header)
        state.optimizer.expect(trials)

    def why_over(self, rule: StoppingRule) -> str:
        """Return why a rule would have nothing more asked, in words; empty while it would.

        A limit of time, which is that of a run, says nothing here.
        """
        self._be_ready()
        progress = self._state.progress()
        reason = rule.reason(progress)
        return reason or ("" if rule.room(progress) >= 1 else "all trials have been asked")

    def directory_of(self, solution: Solution) -> Path:
        """Return the folder for the files of a solution's evaluation; make it to use it."""
        return Path(self._opened().directory(solution))

    def previous_of(self, solution: Solution) -> Previous | None:
        """Return the folder and fidelity of the trial that a solution may go on from."""
        found = self._opened().previous(solution)
        return found if found is not None and found.directory.is_dir() else None

    def use_early_stopping(self, rule: str | EarlyStoppingRule | None) -> None:
        """Have `tell_step` answer by a rule of early stopping, ``"median"`` or another, or by none.

        Runs have a rule of their own, which holds afterwards too.
        """
        state = self._opened()
        state.prepare(None)
        state.stop_early(early_rule_of(rule, state.optimizer), None)

    def ask(self, timeout: Duration | None = None, *, again: bool = True) -> Solution:
        """Return one solution to evaluate; it is journaled as running.

        In a study that goes on, those come first that were asked and never told. The config is
        yours to change. Any number of threads may ask and tell.

        Parameters
        ----------
        timeout : float, str or datetime.timedelta, optional
            How long to wait for other threads to tell, where the optimizer needs results first:
            seconds, or ``"90s"``, ``"15m"``. By default not at all; ``math.inf`` waits as long
            as it takes.
        again : bool
            Whether those come first that an earlier process asked and never told; else they are
            left to it.

        Raises
        ------
        WaitingError
            The optimizer needs results of solutions that are still running first.
        ExhaustedError
            Every configuration has been tried.
        """
        seconds = 0.0 if timeout is None else Time(timeout).seconds()
        self._be_ready()
        return self._ask_tell.ask(seconds, again=again)

    def tell_step(
        self, solution: Solution | int, step: float, value: float | Mapping[str, float]
    ) -> bool:
        """Report what a solution has reached; return whether its evaluation should stop.

        Reports are kept at once, also for a later process, and become the trial's curve. Without a
        rule of early stopping, see `use_early_stopping`, the answer is always False. After a True
        the trial that is told is ``stopped``.

        Parameters
        ----------
        solution : Solution or int
            As `ask` returned it, or its number.
        step, value
            As of `TrialHandle.report`.

        Raises
        ------
        SettingError
            The solution was not asked for or has been told, or a number is none.
        """
        self._be_ready()
        return self._ask_tell.tell_step(solution, step, value)

    def tell(
        self, solution: Solution | int, value: Value | None = None, *, stopped: bool = False
    ) -> Trial:
        """Record what a solution gave.

        Parameters
        ----------
        solution : Solution or int
            As `ask` returned it, or its number.
        value : float, mapping of str to float, or Outcome
            The objective; all objectives and other metrics by name; or ``hpopt.failed("why")``.
            It may be left out where the evaluation was stopped: the last report stands for it.
        stopped : bool
            Whether the evaluation was ended early, as it is where `tell_step` has said so.

        Raises
        ------
        SettingError
            The solution was not asked for, was told before, or the value is not of this kind.
        """
        self._be_ready()
        return self._ask_tell.tell(solution, value, stopped=stopped)

    def add_trial(self, config: Mapping[str, Any], value: Value) -> Trial:
        """Record the result of a config that was evaluated elsewhere, and never asked for.

        It becomes a trial with the next number, which counts in every budget, and the optimizer
        learns from it. Its config is not proposed again; where it has been tried already, this
        is another trial of it.

        Parameters
        ----------
        config : mapping
            All of it, as the space has it.
        value : float, mapping of str to float, or Outcome
            As for `tell`.

        Raises
        ------
        StudyError
            The study is running.
        ConfigError
            The config does not fit the space.
        SettingError
            The value is not of this kind.
        """
        self._be_ready()
        return self._ask_tell.add(config, value)

    # -- files -----------------------------------------------------------------------------------

    def _opened(self) -> StudyState:
        """Return the state, which knows nothing of the journal before it is asked."""
        if not self._closing.alive:
            raise StudyError("a study that is closed cannot be used: open it again")
        return self._state

    def _be_ready(self) -> None:
        """Be ready for one solution, and warn where the study file is no longer in its place."""
        state = self._opened()
        for sentence in state.storage.watch():
            # The level is where the user calls ask or tell.
            warnings.warn(sentence, StudyWarning, stacklevel=3)
        state.prepare(None)

    def _reopening(self) -> Callable[[], AbstractContextManager[Storage]]:
        """Return how a result reads the trials, also when the study is closed."""
        path = self._path if self.path == self._given else self.path
        if path is None:
            # Of the study itself, which would close its storage if nobody kept it.
            return lambda: nullcontext(self._state.storage)
        return lambda: open_storage(path, "r")

    def close(self) -> None:
        """Close the study file, so that others may write it; results stay readable."""
        if self.path is not None:
            self._closing()
        self._ask_tell.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        raise StudyError(
            "a study cannot be pickled or copied, as one process writes it: take a result of its "
            "run, or open its file elsewhere by hpopt.Study.load"
        )

    def __repr__(self) -> str:
        where = f" in {self.path}" if self.path is not None else ""
        return f"<Study of {self.header['problem']} by {self.optimizer!r}{where}>"
