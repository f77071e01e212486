"""Simulated workers that train configs of a task as a searcher wants: the same for everybody.

A training that is continued costs only what is new. One whose loss is nan ends there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Protocol, TypeVar

import curves
import numpy as np
from curves import Floats, Task

MARKS = (1, 2, 5, 10, 20)
"""The work, in full trainings, after which a searcher is asked for its own answer."""
PARTS = ("highest", "answer", "costs")
"""What is kept of a run beside the incumbent's end; see `Measured`."""

T = TypeVar("T")
Row = tuple[float, int, float]


@dataclass
class Job:
    """What a worker is to do: train a config up to a fidelity.

    Attributes
    ----------
    config : mapping of str to value
    end : int
        The fidelity.
    asked : object
        What the searcher knows it by.
    goes_on : bool
        Whether it begins where an earlier training of the same config ended.
    """

    config: Mapping[str, Any]
    end: int
    asked: Any = None
    goes_on: bool = True


class Searcher(Protocol):
    """Who chooses.

    Attributes
    ----------
    watches : bool
        Whether it is shown each report, and may end the training there.
    """

    watches: bool

    def ask(self) -> Job | None:
        """Return what to train; None where it waits for results."""

    def report(self, job: Job, at: int, loss: float) -> bool:
        """Return whether a training goes on after a report that is not its last."""

    def tell(self, job: Job, losses: Floats) -> None:
        """Learn the losses from 1 to where a training ended; the last is nan if it diverged."""

    def answer(self) -> Mapping[str, Any] | None:
        """Return the config that it believes to be the best; None without an opinion."""


@dataclass
class Running:
    """A training under way; times are in simulated seconds."""

    job: Job
    key: tuple[Any, ...]
    curve: Floats
    start: int
    end: int
    began: float
    pace: float

    def done(self, now: float) -> float:
        """Return how many units it has trained by now."""
        return min((now - self.began) / self.pace, float(self.end - self.start))

    def when(self, at: int) -> float:
        """Return the time at which it reaches a fidelity."""
        return self.began + (at - self.start) * self.pace


class Measured:
    """One run, as rows of: work so far in full trainings, configs so far, a loss at the end.

    The work counts what is under way too. The loss is that which the config of the moment has
    after a full training.

    Attributes
    ----------
    incumbent : list of rows
        Of the config whose last value is the least of all, whatever its fidelity.
    highest : list of rows
        Of the best at the highest fidelity that any has reached.
    answer : list of rows
        Of the one that the searcher itself believes to be the best, at `MARKS`.
    costs : list of one row
        Milliseconds of CPU an ask, milliseconds of the longest call, utilisation of the workers.
    """

    def __init__(self) -> None:
        self.incumbent: list[Row] = []
        self.highest: list[Row] = []
        self.answer: list[Row] = []
        self.costs: list[tuple[float, float, float]] = []


def each_run(
    make: Callable[[str, Task, int], Searcher], wanted: Sequence[tuple[str, str, int]], fulls: int
) -> Iterator[tuple[str, str, int, list[Any]]]:
    """Run each wanted strategy, task and seed, and give the parts of each; the incumbent last.

    A name may end in the number of workers: ``"asha, 4 workers"``.
    """
    for strategy, name, seed in wanted:
        task = curves.load(name)
        alone, workers = split(strategy)
        found = run(task, make(alone, task, seed), workers, fulls)
        for part in PARTS:
            if rows := getattr(found, part):
                yield strategy, f"{name}|{part}", seed, rows
        yield strategy, name, seed, found.incumbent


def split(strategy: str) -> tuple[str, int]:
    """Return the name without the number of workers, and that number."""
    alone, _, last = strategy.rpartition(", ")
    number, _, word = last.partition(" ")
    return (alone, int(number)) if word == "workers" else (strategy, 1)


def run(task: Task, searcher: Searcher, workers: int, fulls: int) -> Measured:
    """Let workers train what a searcher asks for, until so many full trainings' work is done."""
    return _Run(task, searcher, workers, fulls).made()


class _Run:
    def __init__(self, task: Task, searcher: Searcher, workers: int, fulls: int) -> None:
        self.task, self.searcher, self.workers, self.fulls = task, searcher, workers, fulls
        self.curve_of = task.begin()
        self.names = [parameter.name for parameter in task.parameters]
        self.known: dict[tuple[Any, ...], tuple[Floats, float]] = {}  # its curve and its pace
        self.trained: dict[tuple[Any, ...], int] = {}
        # Of each config that has ended: its last loss, its fidelity, its loss at the end.
        self.ended: dict[tuple[Any, ...], tuple[float, int, float]] = {}
        self.running: list[Running] = []
        self.events: list[tuple[float, int, Running, int]] = []
        self.finished, self.busy, self.now = 0.0, 0.0, 0.0
        self.seconds: list[float] = []  # of CPU, of the searcher's calls
        self.n_asks = 0
        self.found = Measured()
        for rows in (self.found.incumbent, self.found.highest):
            rows.append((0.0, 0, task.typical))
        self.marks = [mark for mark in MARKS if mark <= fulls]

    def made(self) -> Measured:
        while True:
            while len(self.running) < self.workers and self.work() < self.fulls:
                job = self._timed(self.searcher.ask)
                self.n_asks += 1
                if job is None:
                    break
                self._start(job)
            if not self.events or self.work() >= self.fulls:
                break
            self.now, _, training, at = heappop(self.events)
            self._reached(training, at)
        calls = 1e3 * np.array(self.seconds)
        used = self.busy + sum(self.now - each.began for each in self.running)
        utilisation = used / max(self.workers * self.now, 1e-9)
        self.found.costs.append((float(calls.sum()) / self.n_asks, float(calls.max()), utilisation))
        return self.found

    def work(self) -> float:
        """Return the work so far, in full trainings."""
        under_way = sum(each.done(self.now) for each in self.running)
        return (self.finished + under_way) / self.task.most + 1e-9

    def _start(self, job: Job) -> None:
        key = tuple(job.config[name] for name in self.names)
        if key not in self.known:
            # One worker's work is its time.
            pace = self.task.pace(job.config) if self.workers > 1 else 1.0
            self.known[key] = self.curve_of(job.config), pace
        curve, pace = self.known[key]
        known = self.trained.get(key, 0) if job.goes_on else 0
        start = known if known < job.end else 0
        diverged = np.flatnonzero(~np.isfinite(curve[start : job.end]))
        end = start + 1 + int(diverged[0]) if len(diverged) else job.end
        training = Running(job, key, curve, start, end, self.now, pace)
        self.running.append(training)
        self._plan(training, start)

    def _plan(self, training: Running, after: int) -> None:
        """Note when a training next reports to one who watches, or ends."""
        reports = self.task.reports if self.searcher.watches else ()
        at = next((each for each in reports if after < each < training.end), training.end)
        # Of two at the same time the one that began first: its number is unique.
        heappush(self.events, (training.when(at), len(self.seconds), training, at))

    def _reached(self, training: Running, at: int) -> None:
        if at < training.end:
            loss = float(training.curve[at - 1])
            if self._timed(lambda: self.searcher.report(training.job, at, loss)):
                self._plan(training, at)
                return
        self.running.remove(training)
        self.finished += at - training.start
        self.busy += self.now - training.began
        self.trained[training.key] = max(at, self.trained.get(training.key, 0))
        last = float(training.curve[at - 1])
        if math.isfinite(last):
            self.ended[training.key] = (last, at, self.task.end(training.curve))
        else:
            self.ended.pop(training.key, None)
        self._timed(lambda: self.searcher.tell(training.job, training.curve[:at]))
        self._note()

    def _note(self) -> None:
        work, n = self.work(), len(self.trained)
        if self.ended:
            values = self.ended.values()
            self.found.incumbent.append((work, n, min(values)[2]))
            best = min(values, key=lambda each: (-each[1], each[0]))
            self.found.highest.append((work, n, best[2]))
        else:
            self.found.incumbent.append((work, n, self.task.worst))
            self.found.highest.append((work, n, self.task.worst))
        while self.marks and work >= self.marks[0]:
            config = self.searcher.answer()
            if config is not None:
                loss = self.task.end(self.curve_of(config))
                self.found.answer.append((float(self.marks[0]), n, loss))
            self.marks.pop(0)

    def _timed(self, call: Callable[[], T]) -> T:
        began = time.process_time()
        result = call()
        self.seconds.append(time.process_time() - began)
        return result
