"""The search for the new config whose learning curve promises most."""

from __future__ import annotations

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.numerics.curve_process import CurveProcess
from hpopt.optimizers.surrogates.acquisition import Acquisition, Criterion
from hpopt.optimizers.surrogates.acquisition_search import AcquisitionSearch
from hpopt.optimizers.surrogates.costs import PerCost, Prices
from hpopt.optimizers.surrogates.curve_model import FittedCurves
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.trust_region import Box


def search_at(
    time: float,
    fitted: FittedCurves,
    process: CurveProcess,
    criterion: Criterion,
    *,
    prices: Prices | None,
    encoding: Encoding,
    everything: Floats | None,
    side: float | None,
    rng: np.random.Generator,
) -> AcquisitionSearch:
    """Return the search for the best new config if it is trained until a time.

    Parameters
    ----------
    time : float
        Logarithmic, 0 at the end.
    fitted : FittedCurves
    process : CurveProcess
        The same, believing what is pending.
    criterion : Criterion
    prices : Prices or None
        What configs cost, if that matters.
    encoding : Encoding
    everything : ndarray (n, d) or None
        All configs, where they are few; see `everything_in`.
    side : float or None
        Of the box around the config that is expected to be best; None for anywhere.
    """
    box = None
    if side is not None:
        centre = fitted.points[fitted.means.argmin()]
        box = Box.around(centre, side, process.lengths, encoding.space.ordered)
        box = box.including(*encoding.beside(centre))
    acquisition = Acquisition(process.at(time), criterion)
    return AcquisitionSearch(
        encoding,
        fitted,
        rng,
        acquisition=acquisition if prices is None else PerCost(acquisition, prices),
        box=box,
        everything=everything,
    )
