"""Fitted estimators in a trial's folder, from which a later trial of its config goes on."""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
from pathlib import Path
from typing import Any

import cloudpickle

FILE = "estimators.pickle"
DIGEST = hashlib.sha256
SECRET = 32  # bytes: as long as the digest


class FittedEstimators:
    """Write the estimators of a trial's splits, and read those of an earlier trial.

    A pickle runs code when it is read. So each is signed with a secret that is made with the
    problem and known to its worker processes only: what another process has left, or somebody has
    put there, is not read, and the fits begin anew, with the same result.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(SECRET)

    def write(self, folder: Path, estimators: list[Any], amount: int) -> None:
        """Write fitted estimators, and how much was spent on them."""
        data = cloudpickle.dumps((estimators, amount))
        (folder / FILE).write_bytes(self._signature(data) + data)

    def read(self, folder: Path | None) -> tuple[list[Any], int] | None:
        """Return the estimators and the amount; None where there are none of this search."""
        path = None if folder is None else folder / FILE
        if path is None or not path.is_file():
            return None
        content = path.read_bytes()
        signature, data = content[: DIGEST().digest_size], content[DIGEST().digest_size :]
        if not hmac.compare_digest(signature, self._signature(data)):
            return None
        found: tuple[list[Any], int] = pickle.loads(data)
        return found

    def _signature(self, data: bytes) -> bytes:
        return hmac.new(self._secret, data, DIGEST).digest()
