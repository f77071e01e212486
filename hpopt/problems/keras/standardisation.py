"""The mean and variance that a network standardises its inputs by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.structures import Array

BLOCK = 1024
"""Examples of which the statistics are taken at a time, in memory."""


def mean_and_variance(rows: Rows, n_channels: int) -> tuple[list[float], list[float]]:
    """Give the mean and variance of each channel: of the numbers along the last side of examples.

    Parameters
    ----------
    rows : Rows
        With inputs (n, ..., n_channels), or of any shape where there is one channel.
    n_channels : int

    Returns
    -------
    (list of float, list of float)
        One number a channel. They are of these examples alone.
    """
    count = sum(len(block) for block in _blocks(rows, n_channels))
    mean = sum(block.sum(axis=0) for block in _blocks(rows, n_channels)) / count
    squares = sum(((block - mean) ** 2).sum(axis=0) for block in _blocks(rows, n_channels))
    return mean.tolist(), (squares / count).tolist()


def _blocks(rows: Rows, n_channels: int) -> Iterator[Array]:
    """Give the inputs as numbers by channel, shape (m, n_channels), a block at a time."""
    for start in range(0, len(rows), BLOCK):
        x, _ = rows.take(slice(start, start + BLOCK))
        yield x.astype(np.float64).reshape(-1, n_channels)
