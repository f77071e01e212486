"""Which processor cores and GPUs there are, and how a worker process is bound to its share.

Binding is by environment variables, which frameworks read when they are first imported, so it
happens before the process starts. No framework is imported to find a GPU.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hpopt.errors import SettingError

VISIBLE = "CUDA_VISIBLE_DEVICES"
NO_GPU = "-1"
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
SHARED_GPU = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Frameworks take a whole GPU's memory at once unless they are told not to."""

SMI_SECONDS = 20


def available_cores() -> int:
    """Give the number of processor cores that this process may use, at least 1.

    Less than the machine's where the process is bound to some (``taskset``, a batch system) or
    a container's quota is lower.
    """
    if hasattr(os, "process_cpu_count"):
        cores = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, _quota(cores)))


def find_gpus(environment: Mapping[str, str]) -> list[str]:
    """Give the names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES takes them.

    These are the ones that CUDA_VISIBLE_DEVICES lists where it is set, else those that
    ``nvidia-smi -L`` lists (the slices of those that are cut by MIG), else those of the
    driver's folder in ``/proc``.
    """
    if VISIBLE in environment:
        return visible_gpus(environment[VISIBLE])
    listed = _nvidia_smi()
    if listed:
        slices = re.findall(r"UUID: (MIG-[^)\s]+)", listed)
        return slices or re.findall(r"^GPU (\d+):", listed, flags=re.MULTILINE)
    driver = Path("/proc/driver/nvidia/gpus")
    return [str(i) for i in range(len(list(driver.iterdir())))] if driver.is_dir() else []


def visible_gpus(listed: str) -> list[str]:
    """Split CUDA_VISIBLE_DEVICES as CUDA does: what follows an invalid entry is hidden."""
    gpus = []
    for entry in listed.split(","):
        name = entry.strip()
        if not name or name.startswith("-"):
            break
        gpus.append(name)
    return gpus


def resolve_gpus(
    gpus: str | Sequence[int | str] | None, environment: Mapping[str, str]
) -> list[str] | None:
    """Give the names of the GPUs to use, [] for none, or None to leave all as it is.

    Parameters
    ----------
    gpus : "auto", sequence of int or str, or None
        Numbers count within CUDA_VISIBLE_DEVICES where it is set, as they do in the
        frameworks; else they are those of ``nvidia-smi``. Text is taken as it is (a UUID).
        ``"auto"`` without any GPU is None.

    Raises
    ------
    SettingError
        For anything else, or a number that there isn't.
    """
    if gpus is None:
        return None
    if isinstance(gpus, str):
        if gpus != "auto":
            raise SettingError(f"gpus must be 'auto' or a list such as [0, 1], but got {gpus!r}")
        return find_gpus(environment) or None
    if not isinstance(gpus, Sequence):
        raise SettingError(f"gpus must be 'auto' or a list such as [0, 1], but got {gpus!r}")
    visible = visible_gpus(environment[VISIBLE]) if VISIBLE in environment else None
    names = [_gpu_name(gpu, visible) for gpu in gpus]
    if len(set(names)) < len(names):
        raise SettingError(
            f"gpus must be different, but got {list(gpus)}: "
            "for several trials on one GPU use trials_per_gpu"
        )
    return names


def bound_environment(
    environment: Mapping[str, str], slot: int, n_slots: int, gpus: Sequence[str] | None
) -> dict[str, str]:
    """Give the environment of one slot's processes.

    What the user has set stays, but for the GPU. Without `gpus` (None) nothing is said about
    GPUs; with [] they are hidden.
    """
    threads = str(max(1, available_cores() // n_slots))
    bound = {**dict.fromkeys(THREADS, threads), **SHARED_GPU, **environment}
    if gpus is not None:
        bound[VISIBLE] = gpus[slot % len(gpus)] if gpus else NO_GPU
        if gpus and VISIBLE not in environment:
            bound.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the order of nvidia-smi
    return bound


def _gpu_name(gpu: int | str, visible: list[str] | None) -> str:
    if isinstance(gpu, str) and gpu.strip() and "," not in gpu:
        return gpu.strip()
    if isinstance(gpu, bool) or not isinstance(gpu, int) or gpu < 0:
        raise SettingError(f"a GPU must be a number from 0 or the text of a UUID, but got {gpu!r}")
    if visible is None:
        return str(gpu)
    if gpu >= len(visible):
        raise SettingError(
            f"a GPU must be one of the {len(visible)} that {VISIBLE}={','.join(visible)!r} "
            f"shows, counted from 0, but got {gpu}"
        )
    return visible[gpu]


def _nvidia_smi() -> str:
    import subprocess

    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SMI_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return listing.stdout


def _quota(cores: int) -> int:
    """Give the whole cores that the container's quota allows (cgroup version 2, then 1)."""
    root = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):
        quota, period = (root / "cpu.max").read_text().split()
        return cores if quota == "max" else int(quota) // int(period)
    with contextlib.suppress(OSError, ValueError):
        quota = (root / "cpu/cpu.cfs_quota_us").read_text()
        period = (root / "cpu/cpu.cfs_period_us").read_text()
        return cores if int(quota) < 0 else int(quota) // int(period)
    return cores
