"""A study: a problem, an optimizer and a storage, and the ways to work through them."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, overload

from hpopt import checks
from hpopt.checks import Duration, Seed, expanded, whole
from hpopt.core import Constraints, Optimizer, Problem, Trial, check_problem, with_constraints
from hpopt.core.start import as_list
from hpopt.early_stopping import EarlyStoppingRule
from hpopt.errors import StudyError
from hpopt.executors import Limits
from hpopt.optimizers import make_optimizer
from hpopt.progress import ProgressDisplay, make_display
from hpopt.stopping import StoppingRule
from hpopt.storage import open_storage
from hpopt.storage.running import live_folder
from hpopt.study.arguments import (
    ToldTheEnd,
    checked_callbacks,
    early_rule_of,
    executor_of_run,
    one_rule,
)
from hpopt.study.continuation import KEEP_PAUSED, RETRIED, bytes_kept
from hpopt.study.dispatch import Dispatch
from hpopt.study.failures import Failures
from hpopt.study.loop import Loop
from hpopt.study.open_study import OpenStudy, Path_
from hpopt.study.opening import (
    begin_or_resume,
    bind_again,
    read_study,
    with_stored_constraints,
)
from hpopt.study.record import Record
from hpopt.study.result import Result

Callback = Callable[["Study", Trial], Any]


class Study(OpenStudy):
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
    constraints : mapping of str to (operator, bound), or several Constraint, optional
        Bounds on what an evaluation returns, as ``{"latency": ("<=", 20), "size": "<= 1e6"}``: on
        an objective or any other number. By default those of the problem, or of a study that
        exists; a study keeps those that it began with.
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
        The file is of another space, objective, constraint, seed or optimizer; says what differs.
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
        constraints: Constraints | None = None,
        about: Mapping[str, Any] | None = None,
        keep_paused: int | str | None = KEEP_PAUSED,
    ) -> None:
        check_problem(problem)
        if constraints is not None:
            problem = with_constraints(problem, constraints)
        seed = None if seed is None else checks.seed(seed)
        start, kept = as_list(start), bytes_kept(keep_paused)
        chosen = make_optimizer(optimizer) if optimizer is not None else None
        path = None if path is None else expanded(path)
        storage = open_storage(path)
        try:
            if constraints is None:
                problem = with_stored_constraints(problem, storage, path)
            header, used = begin_or_resume(
                storage, problem, chosen, seed=seed, start=start, about=about, path=path
            )
        except BaseException:
            storage.close()
            raise
        given = None if path is None else Path(path)
        super().__init__(problem, used, header, storage, given, keep_paused=kept)
        self._run_lock = threading.Lock()
        self._loop: Loop | None = None

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
        if problem is None:
            return read_study(Path(path).absolute())
        if not Path(path).exists():
            raise StudyError(f"a study to load must exist, but there is no {path}")
        return cls(problem, path=path)

    def run(
        self,
        *,
        trials: int | None = None,
        timeout: Duration | None = None,
        stop: StoppingRule | None = None,
        workers: int | str | None = None,
        executor: str | Mapping[str, Any] | Executor | None = None,
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
        executor : str, mapping or concurrent.futures.Executor, optional
            ``"serial"`` (the default for one worker), ``"processes"`` (for more, and wherever
            there are limits or GPUs), ``"threads"``, ``"joblib"``, ``"dask"``,
            ``"dask:tcp://scheduler:8786"``, ``"mpi"``, ``"slurm"``, ``"ray"``, a mapping with
            ``name`` and the arguments of `SlurmExecutor` or `RayExecutor`, a client or cluster of
            Dask's, or any executor.
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
            Each is called with the study and a trial that was told; one that has a method
            ``ended`` is told the study and the reason when the run has ended. An error in one is
            logged. `stop_soon` ends the run from within one.
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
            if 1 <= rule.total() < math.inf:
                self.expect(int(rule.total()))
            if again:
                fresh = bind_again(state.optimizer, self.problem, self.header)
                state.reopen(again, fresh, window)
            state.prepare(window)
            state.stop_early(early_rule, window)
            with (
                ToldTheEnd(callbacks, self) as end,
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
                    reason = end.reason = loop.run()
                finally:
                    self._loop = None
        result = Result(self, self._reopening(), reason, loop.seconds)
        loop.show_result(result._best_in_table)
        return result

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
