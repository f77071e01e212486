"""Share out the GPUs of a machine among workers that know nothing of one another.

Several workers of a cluster may run on one machine and find the same GPUs. Each takes slots
by names that the kernel gives to one process only, and that end with it, however it ends: sockets
in Linux's abstract namespace, which leave no file. Elsewhere there is nothing to take, and
each worker uses what it finds.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Claim:
    """A slot on a GPU that this process has taken."""

    gpu: str
    held: socket.socket | None

    def release(self) -> None:
        """Let another worker have it."""
        if self.held is not None:
            self.held.close()


def claim(gpus: Sequence[str], trials_per_gpu: int, n_slots: int) -> list[Claim]:
    """Take up to `n_slots` of the slots on these GPUs that are free, on as many as there are.

    Parameters
    ----------
    gpus : sequence of str
        Their names, as CUDA_VISIBLE_DEVICES takes them.
    trials_per_gpu : int
        How many slots each has.
    n_slots : int
    """
    taken: list[Claim] = []
    for slot in range(trials_per_gpu):  # outermost: no GPU gets a second one before all have one
        for gpu in gpus:
            if len(taken) == n_slots:
                return taken
            with contextlib.suppress(OSError):  # it is another's
                taken.append(Claim(gpu, _hold(f"hpopt-gpu-{gpu}-{slot}")))
    return taken


def _hold(name: str) -> socket.socket | None:
    if not sys.platform.startswith("linux"):
        return None
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    os.set_inheritable(held.fileno(), False)
    try:
        held.bind(f"\0{name}")
    except OSError:
        held.close()
        raise
    return held
