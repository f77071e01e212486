"""A study: a problem, an optimizer and a storage, and the ways to work through them."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, overload

from hpopt import checks
from hpopt.checks import Duration, Seed, expanded, whole
from hpopt.core import Optimizer, Problem, Solution, Trial, check_problem
from hpopt.core.start import as_list
from hpopt.early_stopping import EarlyStoppingRule
from hpopt.errors import StudyError, StudyWarning
from hpopt.executors import Limits
from hpopt.optimizers import make_optimizer
from hpopt.progress import ProgressDisplay, make_display
from hpopt.stopping import StoppingRule, Time
from hpopt.storage import Storage, open_storage
from hpopt.study.arguments import checked_callbacks, early_rule_of, executor_of_run, one_rule
from hpopt.study.ask_tell import AskTell, Value
from hpopt.study.continuation import KEEP_PAUSED, bytes_kept
from hpopt.study.dispatch import Dispatch
from hpopt.study.failures import Failures
from hpopt.study.knowledge import Learned, learn_from
from hpopt.study.loop import Loop
from hpopt.study.metadata import objectives_in, space_in
from hpopt.study.opening import bind_again, open_study, read_metadata
from hpopt.study.record import Record
from hpopt.study.result import Result
from hpopt.study.running_status import live_folder
from hpopt.study.state import StudyState

RETRIED = ("failed", "lost")
"""Statuses that another evaluation may well not have; `retry_failed`."""

Path_ = str | os.PathLike[str]
Callback = Callable[["Study", Trial], Any]


class Study(Record):
    """A search that can be run, stopped, resumed and read.

    Parameters
    ----------
    problem : Problem
    optimizer : str or Optimizer, optional
        By default ``"auto"``, or the stored one of a study that exists.
    path : path, optional
        The study file. It is made where there is none; a study that exists goes on where it
        ended. Without a path the study lives in memory.
    seed : int, numpy.random.Generator or numpy.random.SeedSequence, optional
        The same seed gives the same search. By default drawn, and recorded. From a generator one
        number is drawn, which is recorded as the seed.
    start : sequence of dict
        Configs to try first: known good ones. What one leaves out has the parameter's default,
        or is sampled.
    about : mapping, optional
        JSON data of your own for the file's header, under names that the header does not use;
        in that of a study that exists it replaces what was there under these names.
    keep_paused : int or str, optional
        How much of the disk the files of paused trials may take, which a strategy that chooses
        fidelities may continue: bytes, or text such as ``"2 GB"``; None for any amount. What is
        beyond it is removed, the worst trials' files first, and those trials begin anew when they
        are continued, with the same result.

    Raises
    ------
    StudyMismatchError
        The file is of another space, objective, seed or optimizer; says what differs.
    StudyLockedError
        Another process is writing the file.
    StudyFileError
        The file is not a study, or is damaged.

    Warns
    -----
    StudyWarning
        The problem's `fingerprint` says that it has other data or settings than before. Or, by
        `ask` and `tell`: the file is no longer in its place, and the study goes on elsewhere.

    Examples
    --------
    With a loop of your own:

    >>> study = hpopt.Study(problem, optimizer="genetic", path="study.db", seed=0)
    >>> for _ in range(100):
    ...     solution = study.ask()
    ...     study.tell(solution, my_evaluation(solution.config))
    >>> study.best.config
    """

    def __init__(
        self,
        problem: Problem,
        optimizer: str | Optimizer | None = None,
        *,
        path: Path_ | None = None,
        seed: Seed | None = None,
        start: Iterable[Mapping[str, Any]] = (),
        about: Mapping[str, Any] | None = None,
        keep_paused: int | str | None = KEEP_PAUSED,
    ) -> None:
        check_problem(problem)
        seed = None if seed is None else checks.seed(seed)
        start, kept = as_list(start), bytes_kept(keep_paused)
        chosen = make_optimizer(optimizer) if optimizer is not None else None
        path = None if path is None else expanded(path)
        self._given = Path(path) if path is not None else None
        self.problem = problem
        storage = open_storage(path)
        try:
            header, used = open_study(
                storage, problem, chosen, seed=seed, start=start, about=about, path=path
            )
        except BaseException:
            storage.close()
            raise
        absolute = self._given.absolute() if self._given is not None else None
        self._opened_at = storage.location
        super().__init__(
            header, used.objectives, problem.space, lambda: nullcontext(storage), absolute
        )
        self._state = StudyState(problem, used, storage, absolute, keep_paused=kept)
        self._ask_tell = AskTell(self._state)
        self._run_lock = threading.Lock()
        self._loop: Loop | None = None
        self._closing = weakref.finalize(self, storage.close)

    @overload
    @classmethod
    def load(cls, path: Path_, problem: None = None) -> Record: ...

    @overload
    @classmethod
    def load(cls, path: Path_, problem: Problem) -> Study: ...

    @classmethod
    def load(cls, path: Path_, problem: Problem | None = None) -> Record:
        """Open a study that exists: to read it, or with its problem to go on.

        Parameters
        ----------
        path : path
        problem : Problem, optional
            The problem it was made with. Without it the study can only be read, which is
            possible while another process runs it, and never runs code of the file's.

        Returns
        -------
        Record, or Study where a problem is given
        """
        path = expanded(path)
        if problem is not None:
            if not Path(path).exists():
                raise StudyError(f"a study to load must exist, but there is no {path}")
            return cls(problem, path=path)
        file = Path(path).absolute()
        header = read_metadata(file)
        return Record(
            header,
            objectives_in(header),
            space_in(header),
            lambda: open_storage(file, "r"),
            file,
        )

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

    def _best_or_none(self) -> Trial | None:
        return self._opened().tally.best

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
                state.optimizer, self.header, source, state.storage, Study.load
            )
        return learned

    # -- a loop of your own --------------------------------------------------------------------

    def ask(self, timeout: Duration | None = None) -> Solution:
        """Return one solution to evaluate; it is journaled as running.

        In a study that goes on, those come first that were asked and never told. The config is
        yours to change. Any number of threads may ask and tell.

        Parameters
        ----------
        timeout : float, str or datetime.timedelta, optional
            How long to wait for other threads to tell, where the optimizer needs results first:
            seconds, or ``"90s"``, ``"15m"``. By default not at all; ``math.inf`` waits as long
            as it takes.

        Raises
        ------
        WaitingError
            The optimizer needs results of solutions that are still running first.
        ExhaustedError
            Every configuration has been tried.
        """
        seconds = 0.0 if timeout is None else Time(timeout).seconds()
        self._be_ready()
        return self._ask_tell.ask(seconds)

    def tell(self, solution: Solution | int, value: Value) -> Trial:
        """Record what a solution gave.

        Parameters
        ----------
        solution : Solution or int
            As `ask` returned it, or its number.
        value : float, mapping of str to float, or Outcome
            The objective; all objectives and other metrics by name; or ``hpopt.failed("why")``.

        Raises
        ------
        SettingError
            The solution was not asked for, was told before, or the value is not of this kind.
        """
        self._be_ready()
        return self._ask_tell.tell(solution, value)

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

    # -- a run -------------------------------------------------------------------------------

    def run(
        self,
        *,
        trials: int | None = None,
        timeout: Duration | None = None,
        stop: StoppingRule | None = None,
        workers: int | str | None = None,
        executor: str | Executor | None = None,
        limits: Limits | None = None,
        gpus: str | Sequence[int] | None = None,
        trials_per_gpu: int = 1,
        window: int | None = None,
        retries: int = 1,
        fail_fast: int | None = None,
        retry_failed: bool = False,
        early_stopping: str | EarlyStoppingRule | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | ProgressDisplay = True,
    ) -> Result:
        """Run trials; call it again to go on.

        Parameters
        ----------
        trials : int, optional
            How many **more** trials to run; those that a crash cut off count among them.
        timeout : float, str or datetime.timedelta, optional
            Start no trial after this time: seconds, or ``"90s"``, ``"15m"``, ``"2h"``.
        stop : StoppingRule, optional
            A rule of `hpopt.stopping`, of the study as a whole.
        workers : int or "auto", optional
            How many evaluations at the same time; ``"auto"`` is one a core, or a slot of the GPUs.
        executor : str or concurrent.futures.Executor, optional
            ``"serial"`` (the default for one worker), ``"processes"`` (for more, and wherever
            there are limits or GPUs), ``"threads"``, ``"joblib"``, ``"dask"``,
            ``"dask:tcp://scheduler:8786"``, ``"mpi"``, a client or cluster of Dask's, or any
            executor.
        limits : Limits, optional
            Of time and memory for each trial.
        gpus : "auto" or sequence of int, optional
            The GPUs to share out among the workers.
        trials_per_gpu : int
            How many trials share a GPU.
        window : int, optional
            Ask solution k knowing what 0 … k - window gave, not more and not less: then strategies
            that learn from every trial also give the same trials at any number of workers up to
            `window`.
        retries : int, at least 0
            How often a trial whose worker was lost (a crash, a kill, a machine that went away)
            runs again, under its own number and seed, before its status is ``lost``. Those that
            met their limits do not run again.
        fail_fast : int, at least 0, optional
            End the run when so many trials have failed by the same exception from the same line, or
            by the same wrong return, before any trial of the run has values; 0 is for never. By
            default 3, or one a worker where there are more workers. Trials that met a limit, were
            lost or gave nan do not count. A study that has values and failed like this before goes
            on.
        retry_failed : bool
            Whether to evaluate the trials of status ``failed`` or ``lost`` again, under their own
            numbers and seeds, as after a mistake was corrected. They count among `trials`; where
            nothing else ends the run, it ends when they are done.
        early_stopping : str or EarlyStoppingRule, optional
            ``"median"``, ``"halving"`` or another rule of `hpopt.early_stopping`, for evaluations
            that report and ask ``trial.should_stop()``.
        callbacks : sequence of callables
            Each is called with the study and a trial that was told. An error in one is logged.
            `stop_soon` ends the run from within one.
        progress : bool or ProgressDisplay
            Whether to show a bar on a terminal, else lines.

        Returns
        -------
        Result

        Raises
        ------
        AllTrialsFailedError
            The first trials all failed alike, see `fail_fast`; its ``__cause__`` is the traceback.
        SettingError
            An argument is out of its range, or nothing would end the run.
        KeyboardInterrupt
            Ctrl-C was pressed twice; what ran is evaluated again when the study is resumed.
            (Pressed once, the running trials are finished and the result is returned.)
        """
        window = None if window is None else whole("window", window, 1)
        retries = whole("retries", retries, 0)
        fail_fast = None if fail_fast is None else whole("fail_fast", fail_fast, 0)
        callbacks = checked_callbacks(callbacks)
        display = make_display(progress)
        early_rule = early_rule_of(early_stopping, self.optimizer)
        with self._alone():
            state = self._opened()
            again = state.with_status(RETRIED) if retry_failed else []
            rule = one_rule(
                trials,
                timeout,
                stop,
                n_told=state.n_finished() - len(again),
                n_possible=state.n_possible,
                n_pending=self.counts["pending"] + len(again) if retry_failed else None,
            )
            self._expect(rule.total())
            if again:
                fresh = bind_again(state.optimizer, self.problem, self.header)
                state.reopen(again, fresh, window)
            state.prepare(window)
            state.stop_early(early_rule, window)
            with (
                executor_of_run(
                    executor, workers, limits=limits, gpus=gpus, trials_per_gpu=trials_per_gpu
                ) as (runner, n_slots),
                self._ask_tell.left_to_run(),
                live_folder(self._path) as live,
            ):
                loop = Loop(
                    state,
                    Dispatch(state, runner, n_slots, retries=retries, live=live),
                    rule=rule,
                    window=window,
                    display=display,
                    failures=Failures(fail_fast, self.path),
                    callbacks=[functools.partial(callback, self) for callback in callbacks],
                )
                self._loop = loop
                try:
                    reason = loop.run()
                finally:
                    self._loop = None
        return Result(self, self._reopening(), reason, loop.seconds)

    def stop_soon(self, reason: str = "it was asked to stop") -> None:
        """End the run that is going on: start nothing new, finish what runs."""
        if self._loop is not None:
            self._loop.stop(reason)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a second run, also one that another thread begins."""
        if not self._run_lock.acquire(blocking=False):
            raise StudyError("a study runs once at a time, but this one is running: wait for it")
        try:
            yield
        finally:
            self._run_lock.release()

    def _expect(self, trials: float) -> None:
        """Have the optimizer know how many trials a study that begins shall have."""
        state = self._state
        if trials == math.inf or "trials" in self.header or any(state.storage.count().values()):
            return
        self.header = {**self.header, "trials": int(trials)}
        state.storage.write_header(self.header)
        state.optimizer.expect(int(trials))

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

    def __enter__(self) -> Study:
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
