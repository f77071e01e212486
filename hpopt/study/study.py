"""A study: a problem, an optimizer and a storage, and the ways to work through them."""

from __future__ import annotations

import functools
import math
import operator
import os
import secrets
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from hpopt.core import Optimizer, Outcome, Problem, Solution, Trial, check_problem, judge
from hpopt.errors import ExhaustedError, SettingError, StudyError, WaitingError
from hpopt.executors import Limits, make_executor
from hpopt.optimizers import make_optimizer
from hpopt.progress import ProgressDisplay, make_display
from hpopt.stopping import Never, StoppingRule, Time, Trials
from hpopt.storage import Storage, open_storage
from hpopt.study import header as headers
from hpopt.study.books import Books
from hpopt.study.loop import Loop
from hpopt.study.record import Record, Result

Path_ = str | os.PathLike[str]
Callback = Callable[["Study", Trial], Any]


class Study(Record):
    """A search that can be run, stopped, resumed and read.

    Parameters
    ----------
    problem : Problem
    optimizer : str or Optimizer, optional
        By default ``"genetic"``, or the stored one of a study that exists.
    path : path, optional
        The study file. It is made where there is none; a study that exists goes on where it
        ended. Without a path the study lives in memory.
    seed : int, optional
        The same seed gives the same search. By default drawn, and recorded.
    start : sequence of dict
        Configs to try first: known good ones.
    about : mapping, optional
        JSON data of your own for the file's header.

    Raises
    ------
    StudyMismatchError
        The file is of another space, objective, seed or optimizer; says what differs.
    StudyLockedError
        Another process is writing the file.
    StudyFileError
        The file is not a study, or is damaged.

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
        seed: int | None = None,
        start: Iterable[Mapping[str, Any]] = (),
        about: Mapping[str, Any] | None = None,
    ) -> None:
        check_problem(problem)
        _check_seed(seed)
        start = list(start)
        self.path = Path(path) if path is not None else None
        self.problem = problem
        storage = open_storage(path)
        try:
            header = storage.header()
            if header is None:
                seed = secrets.randbits(32) if seed is None else seed
                optimizer = make_optimizer(optimizer or headers.DEFAULT_OPTIMIZER)
                optimizer.bind(problem, seed=seed, start=start)
                header = headers.make_header(problem, optimizer, seed, optimizer.start, about)
                storage.write_header(header)
            else:
                headers.check_header(header, path)
                headers.check_same(header, problem, seed, start, path)
                optimizer = headers.stored_optimizer(header, optimizer, path)
                optimizer.bind(problem, seed=header["seed"], start=header.get("start", ()))
        except BaseException:
            storage.close()
            raise
        super().__init__(header, optimizer.objectives, problem.space, lambda: nullcontext(storage))
        self.optimizer, self._storage = optimizer, storage
        self._books: Books | None = None
        self._asked_at: dict[int, float] = {}
        self._loop: Loop | None = None
        self._closing = weakref.finalize(self, storage.close)

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
        if problem is not None:
            if not Path(path).exists():
                raise StudyError(f"a study to load must exist, but there is no {path}")
            return cls(problem, path=path)
        with open_storage(path, "r") as storage:
            header = storage.header()
        headers.check_header(header or {}, path)
        header = cast("dict[str, Any]", header)
        return Record(
            header,
            headers.objectives_in(header),
            headers.space_in(header),
            lambda: open_storage(path, "r"),
        )

    @property
    def seed(self) -> int:
        """The seed that everything random in the study follows from."""
        return int(self.header["seed"])

    @property
    def best(self) -> Trial | None:
        """The best trial by the first objective (the earliest, among equals); None without one."""
        return self._ready().best

    # -- a loop of your own --------------------------------------------------------------------

    def ask(self) -> Solution:
        """Give one solution to evaluate; it is journaled as running.

        Raises
        ------
        WaitingError
            The optimizer wants results of solutions that are still running first.
        ExhaustedError
            Every configuration has been tried.
        """
        books = self._ready()
        solutions = books.ask(1)
        if not solutions:
            pending = sorted(books.optimizer.pending)
            if pending:
                raise WaitingError(
                    "the optimizer needs the results of running solutions before the next one: "
                    f"tell {', '.join(map(str, pending[:10]))}{' …' if len(pending) > 10 else ''}"
                )
            raise ExhaustedError(f"nothing is left to ask: {books.why_nothing_left()}")
        self._asked_at[solutions[0].number] = time.time()
        return solutions[0]

    def tell(self, solution: Solution, value: float | Mapping[str, float] | Outcome) -> Trial:
        """Record what a solution gave.

        Parameters
        ----------
        solution : Solution
            As `ask` gave it.
        value : float, mapping of str to float, or Outcome
            The objective; all objectives and other metrics by name; or ``hpopt.failed("why")``.

        Raises
        ------
        SettingError
            The solution was not asked for, was told before, or the value is not of this kind.
        """
        books = self._ready()
        if not isinstance(solution, Solution):
            raise SettingError(f"tell wants the solution that ask gave, but got {solution!r}")
        began = self._asked_at.get(solution.number, time.time())
        if isinstance(value, Outcome):
            outcome = value if value.started else replace(value, started=began)
        else:
            status, values, error = judge(self.problem, value)
            if status == "failed":
                raise SettingError(str(error).replace("evaluate must return", "tell wants"))
            outcome = Outcome(status, values, error=error, started=began)
        if not outcome.seconds:
            outcome = replace(outcome, seconds=max(0.0, time.time() - began))
        pending = books.optimizer.pending.get(solution.number)
        if pending is None or pending.config != solution.config:
            known = solution.number in books.optimizer.history
            what = "has been told already" if known else "was never asked of this study"
            raise SettingError(f"each solution is told once, but number {solution.number} {what}")
        trial = Trial(pending, outcome)
        books.journal([trial])
        books.tell(trial)
        self._asked_at.pop(solution.number, None)
        return trial

    # -- the loop of the house -----------------------------------------------------------------

    def run(
        self,
        *,
        trials: int | None = None,
        timeout: float | str | None = None,
        stop: StoppingRule | None = None,
        workers: int | str | None = None,
        executor: str | Executor | None = None,
        limits: Limits | None = None,
        gpus: str | Sequence[int] | None = None,
        trials_per_gpu: int = 1,
        window: int | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | ProgressDisplay = True,
    ) -> Result:
        """Run trials; call it again to go on.

        Parameters
        ----------
        trials : int, optional
            How many **more** trials to run; those that a crash cut off count among them.
        timeout : float or str, optional
            Start no trial after this time: seconds, or ``"90s"``, ``"15m"``, ``"2h"``.
        stop : StoppingRule, optional
            A rule of `hpopt.stopping`, of the study as a whole.
        workers : int or "auto", optional
            How many evaluations at the same time; ``"auto"`` is one a core, or a slot of the GPUs.
        executor : str or concurrent.futures.Executor, optional
            ``"serial"`` (the default for one worker), ``"processes"`` (for more, and wherever
            there are limits or GPUs), or any executor.
        limits : Limits, optional
            Of time and memory for each trial.
        gpus : "auto" or sequence of int, optional
            The GPUs to share out among the workers.
        trials_per_gpu : int
            How many trials share a GPU.
        window : int, optional
            Ask solution k only when 0 … k - window are told, and tell in order: then strategies
            that never wait also give the same trials at any number of workers up to `window`.
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
        KeyboardInterrupt
            Ctrl-C was pressed twice; what ran is evaluated again when the study is resumed.
            (Pressed once, the running trials are finished and the result is returned.)
        """
        rule = self._rule(trials, timeout, stop)
        _check_window(window)
        for callback in callbacks:
            if not callable(callback):
                raise SettingError(f"callbacks must be callables, but got {callback!r}")
        display = make_display(progress)
        books = self._ready(window)
        runner, n_slots = make_executor(
            executor, workers, limits=limits, gpus=gpus, trials_per_gpu=trials_per_gpu
        )
        loop = Loop(
            books,
            runner,
            n_slots,
            rule=rule,
            window=window,
            display=display,
            callbacks=[functools.partial(callback, self) for callback in callbacks],
        )
        self._loop = loop
        try:
            reason = loop.run()
        except BaseException:
            if runner is not executor:
                getattr(runner, "kill_workers", lambda: None)()
            raise
        finally:
            self._loop = None
            if runner is not executor:
                runner.shutdown(wait=True, cancel_futures=True)
        return Result(self, self._reopening(), reason, loop.seconds)

    def stop_soon(self, reason: str = "it was asked to stop") -> None:
        """End the run that is going on: start nothing new, finish what runs."""
        if self._loop is not None:
            self._loop.stop(reason)

    def _rule(
        self, trials: int | None, timeout: float | str | None, stop: StoppingRule | None
    ) -> StoppingRule:
        """Make one rule of all that ends a run."""
        if stop is not None and not isinstance(stop, StoppingRule):
            raise SettingError(f"stop must be a rule of hpopt.stopping, but got {stop!r}")
        rules = [] if stop is None else [stop]
        if trials is not None:
            rules.append(Trials(Trials(trials).n + self._ready().n_told))
        if timeout is not None:
            rules.append(Time(timeout))
        if not rules and math.isinf(self.optimizer.n_possible):
            raise SettingError(
                "a run must have an end, but got neither trials=, timeout= nor stop= and the "
                "space has no end (stop=hpopt.stopping.Never() runs until Ctrl-C)"
            )
        return functools.reduce(operator.or_, rules, Never())

    # -- files -----------------------------------------------------------------------------------

    def _ready(self, window: int | None = None) -> Books:
        """Replay the journal, the first time that it is needed."""
        if not self._closing.alive:
            raise StudyError("a study that is closed cannot be used: open it again")
        if self._books is None:
            books = Books(self.problem, self.optimizer, self._storage, self.path)
            books.take_up(self._storage.load(), window)
            self._books = books
        return self._books

    def _reopening(self) -> Callable[[], AbstractContextManager[Storage]]:
        """Say how a result reads the trials, also when the study is closed."""
        if self.path is None:
            return lambda: nullcontext(self._storage)
        path = self.path.absolute()
        return lambda: open_storage(path, "r")

    def close(self) -> None:
        """Close the study file, so that others may write it; results stay readable."""
        if self.path is not None:
            self._closing()

    def __enter__(self) -> Study:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = f" in {self.path}" if self.path is not None else ""
        return f"<Study of {self.header['problem']} by {self.optimizer!r}{where}>"


def optimize(
    problem: Problem,
    optimizer: str | Optimizer | None = None,
    *,
    trials: int | None = None,
    timeout: float | str | None = None,
    stop: StoppingRule | None = None,
    workers: int | str | None = None,
    executor: str | Executor | None = None,
    limits: Limits | None = None,
    gpus: str | Sequence[int] | None = None,
    trials_per_gpu: int = 1,
    window: int | None = None,
    start: Iterable[Mapping[str, Any]] = (),
    study: Path_ | None = None,
    seed: int | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | ProgressDisplay = True,
) -> Result:
    """Search a problem for its best config.

    With a study file, calling it again with the same arguments resumes the search after a crash,
    and does nothing when it is complete.

    Parameters
    ----------
    problem : Problem
        A subclass of yours, or ``hpopt.FunctionProblem(function, space)``.
    optimizer : str or Optimizer, optional
        ``"genetic"`` (the default), ``"random"``, ``"quasi_random"``, ``"grid"``, or one made by
        its class.
    trials : int, optional
        How many trials the study shall have **in all**.
    study : path, optional
        The study file, a SQLite database; without it the study lives in memory.
    start, seed
        See `Study`.
    timeout, stop, workers, executor, limits, gpus, trials_per_gpu, window, callbacks, progress
        See `Study.run`.

    Returns
    -------
    Result
        With ``best``, ``trials``, ``reason`` and ``to_pandas()``.

    Examples
    --------
    >>> problem = hpopt.FunctionProblem(
    ...     lambda config: (config["x"] - 1) ** 2, {"x": hpopt.Float(-5, 5)}
    ... )
    >>> hpopt.optimize(problem, trials=50, seed=0, progress=False).best.config
    """
    if trials is not None:
        stop = Trials(trials) if stop is None else Trials(trials) | stop
    opened = Study(problem, optimizer, path=study, seed=seed, start=start)
    try:
        return opened.run(
            timeout=timeout,
            stop=stop,
            workers=workers,
            executor=executor,
            limits=limits,
            gpus=gpus,
            trials_per_gpu=trials_per_gpu,
            window=window,
            callbacks=callbacks,
            progress=progress,
        )
    finally:
        opened.close()


def _check_seed(seed: Any) -> None:
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise SettingError(f"seed must be an int of at least 0, but got {seed!r}")


def _check_window(window: Any) -> None:
    if window is not None and (
        isinstance(window, bool) or not isinstance(window, int) or window < 1
    ):
        raise SettingError(f"window must be an int of at least 1, but got {window!r}")
