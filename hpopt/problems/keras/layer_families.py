"""List whole families of architectures: every number of layers with every size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hpopt.checks import whole
from hpopt.errors import SettingError


def layer_families(
    n_layers: tuple[int, int] = (1, 3), sizes: tuple[int, int] = (1, 10), pace: int = 1
) -> Iterator[list[int]]:
    """Give the sizes of the hidden layers of each architecture of a family, one after another.

    Parameters
    ----------
    n_layers : (int, int)
        The fewest and the most hidden layers.
    sizes : (int, int)
        The smallest and the largest layer.
    pace : int, at least 1
        How far sizes are apart; the largest is left out where the pace does not lead to it.

    Returns
    -------
    iterator of list of int
        The fewest layers first, the last layer growing fastest. It is never built as a whole.

    Raises
    ------
    SettingError
        A range is empty, or the pace is below 1.

    Examples
    --------
    >>> list(layer_families((1, 2), (2, 6), pace=4))
    [[2], [6], [2, 2], [2, 6], [6, 2], [6, 6]]
    """
    for name, bounds in (("n_layers", n_layers), ("sizes", sizes)):
        if not isinstance(bounds, tuple | list) or len(bounds) != 2:
            raise SettingError(f"{name} must be a pair of whole numbers, but got {bounds!r}")
        for bound in bounds:
            whole(f"a bound of {name}", bound, 1)
        if bounds[0] > bounds[1]:
            raise SettingError(f"{name} must be (least, most), but got {bounds!r}")
    whole("pace", pace, 1)
    choices = range(sizes[0], sizes[1] + 1, pace)
    return (
        list(chosen)
        for length in range(n_layers[0], n_layers[1] + 1)
        for chosen in itertools.product(choices, repeat=length)
    )
