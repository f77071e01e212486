"""The whole search in one call."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from hpopt.checks import Duration, Seed
from hpopt.core import Constraints, Optimizer, Problem
from hpopt.early_stopping import EarlyStoppingRule
from hpopt.errors import StudyWarning
from hpopt.executors import Limits
from hpopt.progress import ProgressDisplay
from hpopt.stopping import StoppingRule, Trials
from hpopt.study.arguments import check_stop
from hpopt.study.continuation import KEEP_PAUSED
from hpopt.study.open_study import Path_
from hpopt.study.record import Record
from hpopt.study.result import Result
from hpopt.study.study import Callback, Study


def optimize(
    problem: Problem,
    optimizer: str | Optimizer | None = None,
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
    start: Iterable[Mapping[str, Any]] = (),
    constraints: Constraints | None = None,
    learn_from: Path_ | Record | None = None,
    study: Path_ | None = None,
    seed: Seed | None = None,
    keep_paused: int | str | None = KEEP_PAUSED,
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
        ``"auto"`` (the default: it chooses), another name such as ``"bayesian"``, ``"genetic"``
        or ``"random"``, or one made by its class.
    trials : int, optional
        How many trials the study shall have **in all**.
    study : path, optional
        The study file, a SQLite database; without it the study lives in memory.
    learn_from : path or study, optional
        An earlier study on an overlapping space; see `Study.learn_from`. That nothing of it fits
        is a `StudyWarning`, with the reasons.
    start, constraints, seed, keep_paused
        See `Study`.
    timeout, stop, workers, executor, limits, gpus, trials_per_gpu, window, retries, \
    fail_fast, retry_failed, early_stopping, callbacks, progress
        See `Study.run`.

    Returns
    -------
    Result
        With ``best``, ``front``, ``trials``, ``reason`` and ``to_pandas()``.

    Examples
    --------
    >>> problem = hpopt.FunctionProblem(
    ...     lambda config: (config["x"] - 1) ** 2, {"x": hpopt.Float(-5, 5)}
    ... )
    >>> hpopt.optimize(problem, trials=50, seed=0, progress=False).best.config
    """
    check_stop(stop)
    if trials is not None:
        stop = Trials(trials) if stop is None else Trials(trials) | stop
    opened = Study(
        problem,
        optimizer,
        path=study,
        seed=seed,
        start=start,
        constraints=constraints,
        keep_paused=keep_paused,
    )
    try:
        if learn_from is not None:
            learned = opened.learn_from(learn_from)
            if learned.reasons and not learned.n_learned:
                warnings.warn(str(learned), StudyWarning, stacklevel=2)
        return opened.run(
            timeout=timeout,
            stop=stop,
            workers=workers,
            executor=executor,
            limits=limits,
            gpus=gpus,
            trials_per_gpu=trials_per_gpu,
            window=window,
            retries=retries,
            fail_fast=fail_fast,
            retry_failed=retry_failed,
            early_stopping=early_stopping,
            callbacks=callbacks,
            progress=progress,
        )
    finally:
        opened.close()
