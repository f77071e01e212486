"""A study: a problem, an optimizer and a storage, and the ways to work through them."""

from __future__ import annotations

import functools
import math
import operator
import os
import secrets
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from hpopt.core import Optimizer, Outcome, Problem, Solution, Trial, check_problem
from hpopt.errors import ExhaustedError, SettingError, StudyError, StudyFileError, WaitingError
from hpopt.executors import Limits, make_executor
from hpopt.optimizers import make_optimizer
from hpopt.progress import ProgressDisplay, make_display
from hpopt.stopping import Never, StoppingRule, Time, Trials
from hpopt.storage import Storage, open_storage
from hpopt.study import header as headers
from hpopt.study.arguments import check_stop, check_window, checked_callbacks, checked_seed
from hpopt.study.books import Books
from hpopt.study.loop import Loop
from hpopt.study.record import Record, Result
from hpopt.study.told import is_same, told_outcome

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
        JSON data of your own for the file's header, under names that the header does not use;
        in that of a study that exists it replaces what was there under these names.

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
        seed = checked_seed(seed)
        start = list(start)
        chosen = make_optimizer(optimizer) if optimizer is not None else None
        self.path = Path(path) if path is not None else None
        self.problem = problem
        storage = open_storage(path)
        try:
            header = storage.header()
            if header is None:
                seed = secrets.randbits(32) if seed is None else seed
                used = chosen or make_optimizer(headers.DEFAULT_OPTIMIZER)
                used.bind(problem, seed=seed, start=start)
                header = headers.make_header(problem, used, seed, used.start, about)
                storage.write_header(header)
            else:
                headers.check_header(header, path)
                headers.check_same(header, problem, seed, start, path)
                used = headers.stored_optimizer(header, chosen, path)
                used.bind(problem, seed=header["seed"], start=header.get("start", ()))
                about = headers.checked_extra(about)
                if any(header.get(key) != value for key, value in about.items()):
                    header = {**header, **about}
                    storage.write_header(header)
        except BaseException:
            storage.close()
            raise
        super().__init__(header, used.objectives, problem.space, lambda: nullcontext(storage))
        self.optimizer, self._storage = used, storage
        self._absolute = self.path.absolute() if self.path is not None else None
        self._books: Books | None = None
        self._again: deque[Solution] | None = None
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
        path = Path(path).absolute()
        with open_storage(path, "r") as storage:
            header = storage.header()
        if header is None:
            raise StudyFileError(
                f"a study must have begun to be read, but {path} is still empty: run it again as "
                "it was begun"
            )
        headers.check_header(header, path)
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

        In a study that goes on, those come first that were asked and never told. The config is
        yours to change.

        Raises
        ------
        WaitingError
            The optimizer wants results of solutions that are still running first.
        ExhaustedError
            Every configuration has been tried.
        """
        books = self._prepared()
        solution = self._cut_off() or next(iter(books.ask(1)), None)
        if solution is None:
            pending = sorted(books.optimizer.pending)
            if pending:
                raise WaitingError(
                    "the optimizer needs the results of running solutions before the next one: "
                    f"tell {', '.join(map(str, pending[:10]))}{' …' if len(pending) > 10 else ''}"
                )
            raise ExhaustedError(f"nothing is left to ask: {books.why_nothing_left()}")
        self._asked_at[solution.number] = time.time()
        return replace(solution, config=deepcopy(solution.config))

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
        books = self._prepared()
        if not isinstance(solution, Solution):
            raise SettingError(f"tell wants the solution that ask gave, but got {solution!r}")
        pending = books.optimizer.pending.get(solution.number)
        if pending is None or not is_same(pending, solution):
            known = solution.number in books.optimizer.history
            what = "has been told already" if known else "was never asked of this study"
            raise SettingError(f"each solution is told once, but number {solution.number} {what}")
        began = self._asked_at.get(solution.number, time.time())
        trial = Trial(pending, told_outcome(self.problem, value, began))
        books.finish([trial])
        self._asked_at.pop(solution.number, None)
        return trial

    def _cut_off(self) -> Solution | None:
        """Give the next solution that was asked before the study was opened and never told."""
        pending = self.optimizer.pending
        while self._again:
            solution = self._again.popleft()
            if solution.number in pending:
                return solution
        return None

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
            Ask solution k knowing what 0 … k - window gave, not more and not less: then strategies
            that learn from every trial also give the same trials at any number of workers up to
            `window`.
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
        if self._loop is not None:
            raise StudyError("a study runs once at a time, but this one is running: wait for it")
        rule = self._rule(trials, timeout, stop)
        check_window(window)
        callbacks = checked_callbacks(callbacks)
        display = make_display(progress)
        books = self._prepared(window)
        runner, n_slots = make_executor(
            executor, workers, limits=limits, gpus=gpus, trials_per_gpu=trials_per_gpu
        )
        try:
            self._loop = loop = Loop(
                books,
                runner,
                n_slots,
                rule=rule,
                window=window,
                display=display,
                callbacks=[functools.partial(callback, self) for callback in callbacks],
            )
            reason = loop.run()
        except BaseException:
            if runner is not executor:
                getattr(runner, "kill_workers", lambda: None)()
            raise
        finally:
            self._loop = None
            self._again = deque(books.unfinished())
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
        check_stop(stop)
        rules = [] if stop is None else [stop]
        if trials is not None:
            rules.append(Trials(Trials(trials).n + self._ready().n_told))
        if timeout is not None:
            rules.append(Time(timeout))
        if not rules and self.optimizer.n_possible == math.inf:
            raise SettingError(
                "a run must have an end, but got neither trials=, timeout= nor stop= and the "
                "space has no end (stop=hpopt.stopping.Never() runs until Ctrl-C)"
            )
        return functools.reduce(operator.or_, rules, Never())

    # -- files -----------------------------------------------------------------------------------

    def _ready(self) -> Books:
        """Read the journal, the first time that it is needed."""
        if not self._closing.alive:
            raise StudyError("a study that is closed cannot be used: open it again")
        if self._books is None:
            self._books = Books(self.problem, self.optimizer, self._storage, self._absolute)
        return self._books

    def _prepared(self, window: int | None = None) -> Books:
        """Have the optimizer know the journal, as far as it must to be asked."""
        books = self._ready()
        books.prepare(window)
        if self._again is None:
            self._again = deque(books.unfinished())
        return books

    def _reopening(self) -> Callable[[], AbstractContextManager[Storage]]:
        """Say how a result reads the trials, also when the study is closed."""
        path = self._absolute
        if path is None:
            return lambda: nullcontext(self._storage)
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
