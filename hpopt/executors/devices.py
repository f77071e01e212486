"""Which processor cores and GPUs there are, and how a worker process is bound to some of them.

Binding is by environment variables, which frameworks read when they are first imported, so it
happens before the process starts. No framework is imported to find a GPU.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hpopt.checks import integer
from hpopt.errors import SettingError

VISIBLE = "CUDA_VISIBLE_DEVICES"
NO_GPU = "-1"  # no GPU has this number, so CUDA shows none (an empty variable is ignored by some)
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

MEMORY_FRACTION = "HPOPT_GPU_MEMORY_FRACTION"
"""The fraction of its GPU's memory that a worker process may use, see `supervision.gpu_memory`."""

JAX_MEMORY_FRACTION = "XLA_PYTHON_CLIENT_MEM_FRACTION"
USABLE = 0.92
"""What is left of a GPU's memory for data when each process has its context there. (A context takes
half a gigabyte; two on a GPU of 16 GB have 0.94.)"""

ROCM_VISIBLE = "HIP_VISIBLE_DEVICES"
ROCM_NODES = Path("/sys/class/kfd/kfd/topology/nodes")
NO_DEVICES = "NoDevFiles"
SMI_SECONDS = 20  # it loads the driver first where nothing else has, which takes seconds
FREED_SECONDS = 10  # then the next process starts all the same, and may find too little memory
FREED_CHECK_SECONDS = 0.1  # nvidia-smi itself takes as long


def available_cores() -> int:
    """Return the number of processor cores that this process may use, at least 1.

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
    """Return the names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES takes them.

    These are the ones that CUDA_VISIBLE_DEVICES (or HIP_VISIBLE_DEVICES) lists where it is set,
    else those that ``nvidia-smi -L`` lists, else those of NVIDIA's driver in ``/proc``, else
    those of AMD's in ``/sys``. Of GPUs that are cut by MIG they are the slices, by their UUIDs.
    """
    for variable in (VISIBLE, ROCM_VISIBLE):
        if variable in environment:
            return visible_gpus(environment[variable])
    listed = _nvidia_smi()
    if listed:
        return _listed_gpus(listed)
    driver = Path("/proc/driver/nvidia/gpus")
    if driver.is_dir():
        return [str(i) for i in range(len(list(driver.iterdir())))]
    return [str(i) for i in range(_n_rocm_gpus())]


def visible_gpus(listed: str) -> list[str]:
    """Split CUDA_VISIBLE_DEVICES as CUDA does: what follows an invalid entry is hidden."""
    gpus = []
    for entry in listed.split(","):
        name = entry.strip()
        if not name or name.startswith("-") or name == NO_DEVICES:  # the last is Slurm's
            break
        gpus.append(name)
    return gpus


def resolve_gpus(
    gpus: str | Sequence[int | str] | None, environment: Mapping[str, str]
) -> list[str] | None:
    """Return the names of the GPUs to use, [] for none, or None to leave all as it is.

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
    environment: Mapping[str, str],
    slot: int,
    n_slots: int,
    gpus: Sequence[str] | None,
    trials_per_gpu: int = 1,
) -> dict[str, str]:
    """Return the environment variables of one slot's processes.

    What the user has set stays, but for the GPU. Without `gpus` (None) variables of GPUs stay as
    they are; with [] GPUs are hidden. Where `trials_per_gpu` processes share one, the memory of
    each is limited: JAX's by its own variable, PyTorch's when it is imported (it has none),
    while TensorFlow takes what it needs as it needs it.
    """
    threads = str(max(1, available_cores() // n_slots))
    # In this order: what the user has set stays.
    bound = {**dict.fromkeys(THREADS, threads), **SHARED_GPU, **environment}
    if gpus is not None:
        bound[VISIBLE] = gpus[slot % len(gpus)] if gpus else NO_GPU
        if ROCM_VISIBLE in environment or (VISIBLE not in environment and _n_rocm_gpus()):
            bound[ROCM_VISIBLE] = bound[VISIBLE]
        if gpus and VISIBLE not in environment:
            bound.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the order of nvidia-smi
        if gpus and trials_per_gpu > 1:
            fraction = f"{USABLE / trials_per_gpu:.3f}"
            bound.setdefault(JAX_MEMORY_FRACTION, fraction)
            bound[MEMORY_FRACTION] = fraction
    return bound


def _gpu_name(gpu: int | str, visible: list[str] | None) -> str:
    if isinstance(gpu, str) and gpu.strip() and "," not in gpu:
        return gpu.strip()
    number = None if isinstance(gpu, str) else integer(gpu)
    if number is None or number < 0:
        raise SettingError(f"a GPU must be a number from 0 or the text of a UUID, but got {gpu!r}")
    if visible is None:
        return str(number)
    if number >= len(visible):
        raise SettingError(
            f"a GPU must be one of the {len(visible)} that {VISIBLE}={','.join(visible)!r} "
            f"shows, counted from 0, but got {number}"
        )
    return visible[number]


def _listed_gpus(listed: str) -> list[str]:
    """Read ``nvidia-smi -L``: one line a GPU, then one for each of its slices."""
    found: list[list[str]] = []
    for line in listed.splitlines():
        if gpu := re.match(r"GPU (\d+):", line):
            found.append([gpu[1]])
        elif found and (cut := re.search(r"UUID: (MIG-[^)\s]+)", line)):
            found[-1].append(cut[1])
    return [name for gpu in found for name in (gpu[1:] or gpu)]


def _n_rocm_gpus() -> int:
    """Count the nodes of AMD's driver that have vector units: processors, listed too, have none."""
    n_gpus = 0
    with contextlib.suppress(OSError):
        for node in ROCM_NODES.iterdir():
            text = (node / "properties").read_text()
            n_gpus += re.search(r"^simd_count [1-9]", text, flags=re.MULTILINE) is not None
    return n_gpus


def wait_until_freed(pid: int, environment: Mapping[str, str]) -> None:
    """Wait until a process that has ended has given its GPU's memory back, at most 10 seconds.

    The driver of a GPU may take a while to clean up after a process that was killed, and the
    next one would find too little memory. Without ``nvidia-smi``, and for a process without a
    GPU in its environment, there is nothing to wait for.
    """
    if not visible_gpus(environment.get(VISIBLE, "")):
        return
    end = time.monotonic() + FREED_SECONDS
    while pid in _gpu_users() and time.monotonic() < end:
        time.sleep(FREED_CHECK_SECONDS)


def _gpu_users() -> set[int]:
    listed = _nvidia_smi("--query-compute-apps=pid", "--format=csv,noheader")
    return {int(line) for line in listed.split() if line.isdigit()}


def _nvidia_smi(*options: str) -> str:
    import subprocess

    try:
        listing = subprocess.run(
            ["nvidia-smi", *(options or ("-L",))],
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
    # What a container may use: of cgroup version 2, then of version 1.
    root = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):
        quota, period = (root / "cpu.max").read_text().split()
        return cores if quota == "max" else int(quota) // int(period)
    with contextlib.suppress(OSError, ValueError):
        quota = (root / "cpu/cpu.cfs_quota_us").read_text()
        period = (root / "cpu/cpu.cfs_period_us").read_text()
        return cores if int(quota) < 0 else int(quota) // int(period)
    return cores
