"""What a model-based search does beside its phase, in words."""

from __future__ import annotations

import math

import numpy as np

from hpopt.core import Config, Optimizer, Phase
from hpopt.core.constraint import BROKEN
from hpopt.core.phase import DENSITIES, MODEL, results_in_words
from hpopt.optimizers.surrogates.surrogate import Fitted
from hpopt.optimizers.surrogates.trust_region import TrustRegion
from hpopt.optimizers.surrogates.turns import random_period

LONGEST_VALUE = 20  # characters of a branch's value: the line has some hundred


def first_configs(n_first: int, then: str) -> Phase:
    """Return the phase before there is a model."""
    return Phase("first configs", f"{n_first} spread over the space, then {then}")


def model_phase(fitted: Fitted | None, n_results: int, most: int) -> Phase:
    """Return the phase in which a Gaussian process chooses, or TPE where the process is blind."""
    if fitted is None or not fitted.is_blind:
        return Phase("Gaussian process", "", results_in_words(n_results, most), MODEL)
    share = f"noise {100 * fitted.sight.noise_share:.0f} %"
    if not fitted.sight.is_noisy:
        share = f"{100 * max(fitted.sight.skill, 0):.0f} % of what differs among them"
    why = f"the Gaussian process explains little of them ({share})"
    return Phase("TPE", why, results_in_words(n_results, math.inf), DENSITIES)


def feasibility_phase(optimizer: Optimizer, most: float) -> Phase | None:
    """Return the phase in which only what meets the constraints is looked for; None outside it."""
    losses = optimizer.history.all_losses[:, 0]
    if not optimizer.constraints or bool((losses < BROKEN).any()):
        return None
    why = "no config meets all constraints yet"
    return Phase("search for feasible configs", why, results_in_words(len(losses), most))


def last_number(optimizer: Optimizer) -> int:
    """Return the number of the last ask; 0 before any."""
    return max(0, optimizer.n_asked - 1)


def stall_in_words(region: TrustRegion, fitted: Fitted | None) -> str:
    """Return what a stalled search does; empty where it is not stalled, or TPE asks."""
    if not region.n_stalls or (fitted is not None and fitted.is_blind):
        return ""
    period = random_period(region.n_stalls)
    ending = "nd" if period == 32 else "th"  # of 4, 8, 16 and 32
    return f"no progress in {region.n_since} results: every {period}{ending} config at random"


def branch_in_words(optimizer: Optimizer) -> str:
    """Return the branch of the last ask, where it is not that of the best config; else empty.

    Configs with other parameters, or another choice that parameters depend on, lie in other ones.
    """
    space, parents = optimizer.space, optimizer.space.conditions.parents
    history, number = optimizer.history, last_number(optimizer)
    if not parents or not len(history):
        return ""
    best = int(history.losses[:, 0].argmin())
    if history.losses[best, 0] == np.inf or history.numbers[best] == number:
        return ""
    last, there = _config(optimizer, number), _config(optimizer, int(history.numbers[best]))
    if last is None or there is None:
        return ""
    differing = [name for name in last if name in parents and last[name] != there.get(name)]
    if last.keys() == there.keys() and all(space[name].ordered.all() for name in differing):
        return ""
    values = [f"{name}={str(last[name])[:LONGEST_VALUE]}" for name in differing]
    return f"exploring branch {', '.join(values)}" if values else ""


def _config(optimizer: Optimizer, number: int) -> Config | None:
    if number in optimizer.pending:
        return optimizer.pending[number].config
    if number not in optimizer.history:
        return None
    row = optimizer.history.row(number)
    return optimizer.space.decode(optimizer.history.points[row : row + 1])[0]
