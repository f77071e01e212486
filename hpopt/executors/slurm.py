"""Run calls in jobs of Slurm, or of another batch system, by files on a disk that they share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from hpopt.checks import expanded, positive, whole
from hpopt.executors.cluster.spool.batch import CANCEL, SUBMIT, Batch
from hpopt.executors.cluster.spool.executor import SpoolExecutor
from hpopt.executors.settings import Settings

PATIENCE_SECONDS = 100.0  # a client of NFS may see a heartbeat that is a minute old


class SlurmExecutor(SpoolExecutor):
    """Run each call in a child process of a worker, which is a long-lived job of a batch system.

    When to use it: on the login node of a cluster whose machines share a disk. Nothing but the
    batch system's commands and the disk is needed: no network between machines. When not: calls
    that take less than a second, for which files are too slow.

    Jobs are submitted with the first call. As many calls run as jobs have started. When a job's
    time is over, or its machine fails, what it ran gets WorkerLost, and another job is submitted;
    not, when three in a row end before they have evaluated anything. When the driver ends, so do
    its jobs; when it is killed, after some five minutes.

    Parameters
    ----------
    workers : int
        How many calls run at the same time, at most.
    settings : Settings, optional
        Limits, GPUs and the like; see `ProcessExecutor`. GPUs are those of each job.
    per_job : int
        How many of these calls run in one job, such as one for each GPU that it asks for.
    folder : path, optional
        On a disk that the jobs share with this machine. By default ``hpopt-spool`` in the current
        directory. It is emptied at the end.
    resources : str or sequence of str
        What each job asks for, as the batch system's options: ``"--gres=gpu:1"``. A line that
        begins with ``#`` is written into the job's script as it is: ``"#PBS -l ncpus=4"``.
    time : float, str or datetime.timedelta, optional
        Of each job, for Slurm: seconds, ``"4h"``, or Slurm's ``"04:00:00"``.
    setup : str or sequence of str
        Lines of the job's script before Python starts: ``"module load cuda"``.
    job_name : str
        What jobs are called in the queue (by Slurm).
    submit, cancel : str
        The batch system's commands. ``{script}`` is the path of the job's script, ``{job}`` the id
        that `submit` has printed.
    queue : str, optional
        The command that prints the ids of this user's jobs, such as ``"qselect -u me"`` of PBS:
        jobs that have vanished from the queue are submitted again. By default that of Slurm.
    python : str, optional
        The interpreter of the workers; by default this one.
    patience : float
        A job is taken for lost when it has shown no sign of life for so many seconds.

    Raises
    ------
    SettingError
        An argument is out of its range, or the commands are not to be found.

    Attributes
    ----------
    workers : int
        How many calls to keep running now.
    elastic : bool
        True: `workers` follows the jobs that run.
    """

    no_worker_advice = (
        "see whether its jobs wait in the queue (squeue --me), and what they ask for; the search "
        "goes on when one starts"
    )

    def __init__(
        self,
        workers: int = 1,
        settings: Settings = Settings(),  # noqa: B008  (it is frozen)
        *,
        per_job: int = 1,
        folder: str | os.PathLike[str] | None = None,
        resources: str | Sequence[str] = (),
        time: float | str | timedelta | None = None,
        setup: str | Sequence[str] = (),
        job_name: str = "hpopt",
        submit: str = SUBMIT,
        cancel: str = CANCEL,
        queue: str | None = None,
        python: str | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        super().__init__(
            parent=Path(expanded(folder or "hpopt-spool")).absolute(),
            batch=Batch(submit, cancel, queue, resources, time, setup, job_name, python).check(),
            workers=whole("workers", workers, 1),
            per_job=whole("per_job", per_job, 1),
            settings=settings,
            patience=positive("patience", patience),
        )


def make(settings: Settings, address: object = None, **arguments: Any) -> SlurmExecutor:
    """Make the executor that ``executor="slurm"`` names; it runs one call at a time by default."""
    workers = 1 if settings.workers in (None, "auto") else settings.workers
    return SlurmExecutor(whole("workers", workers, 1), settings, **arguments)
