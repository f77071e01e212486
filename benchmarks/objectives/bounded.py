"""Problems with constraints, whose fronts are known but for that of the welded beam."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from fronts import NUMBERS, Evaluate, Floats, Problem, best_known, boxed
from recorded import Parameter

DENSE = 4_001
"""Points of each piece of a front that is a curve."""
TOLERANCE = 1e-9
"""By how much points of a front may break a constraint that holds with equality there."""


def numbers(*ranges: tuple[float, float]) -> tuple[Parameter, ...]:
    return tuple(Parameter(f"x{j}", "float", (), *each) for j, each in enumerate(ranges))


def made(
    name: str,
    ranges: Sequence[tuple[float, float]],
    constraints: int,
    values: Callable[..., Sequence[float]],
    curve: Sequence[Sequence[float]],
) -> Problem:
    """Make a problem of two objectives whose front is among the points of a curve."""
    parameters = numbers(*ranges)

    def evaluate(config: Mapping[str, Any]) -> Sequence[float]:
        return values(*(config[each.name] for each in parameters))

    found = np.array([values(*point) for point in curve])
    front = found[(found[:, 2:] <= TOLERANCE).all(axis=1), :2]
    return _made(name, parameters, constraints, evaluate, front)


def _made(
    name: str,
    parameters: tuple[Parameter, ...],
    constraints: int,
    evaluate: Evaluate,
    front: Floats,
) -> Problem:
    broken = tuple(f"g{k}" for k in range(1, constraints + 1))
    return Problem(name, parameters, ("f1", "f2"), evaluate, *boxed(front), broken)


def of_bnh(name: str) -> Problem:
    """Binh & Korn 1997: on the front x is y, until y is at its end."""

    def values(x: float, y: float) -> Sequence[float]:
        first, second = 4 * x * x + 4 * y * y, (x - 5) ** 2 + (y - 5) ** 2
        return first, second, (x - 5) ** 2 + y * y - 25, 7.7 - (x - 8) ** 2 - (y + 3) ** 2

    curve = [(x, min(x, 3.0)) for x in np.linspace(0, 5, DENSE).tolist()]
    return made(name, ((0, 5), (0, 3)), 2, values, curve)


def of_osy(name: str) -> Problem:
    """Osyczka & Kundu 1995, https://doi.org/10.1007/BF01743536: a front of five pieces."""

    def values(a: float, b: float, c: float, d: float, e: float, f: float) -> Sequence[float]:
        first = -25 * (a - 2) ** 2 - (b - 2) ** 2 - (c - 1) ** 2 - (d - 4) ** 2 - (e - 1) ** 2
        second = sum(x * x for x in (a, b, c, d, e, f))
        linear = (2 - a - b, a + b - 6, b - a - 2, a - 3 * b - 2)
        return (first, second, *linear, (c - 3) ** 2 + d - 4, 4 - (e - 3) ** 2 - f)

    third = np.linspace(1, 5, DENSE).tolist()
    curve = [(5.0, 1.0, c, 0.0, e, 0.0) for e in (1.0, 5.0) for c in third]
    curve += [(0.0, 2.0, c, 0.0, 1.0, 0.0) for c in third]
    for a in np.linspace(0, 5, DENSE).tolist():
        curve.append((a, 2 - a if a < 2 else (a - 2) / 3, 1.0, 0.0, 1.0, 0.0))
    ranges = ((0, 10), (0, 10), (1, 5), (0, 6), (1, 5), (0, 10))
    return made(name, ranges, 6, values, curve)


def of_tnk(name: str) -> Problem:
    """Tanaka, Watanabe, Furukawa & Tanino 1995: the front lies on a wavy edge, in pieces."""

    def values(x: float, y: float) -> Sequence[float]:
        wave = 1 + 0.1 * math.cos(16 * math.atan2(x, y))
        return x, y, wave - x * x - y * y, (x - 0.5) ** 2 + (y - 0.5) ** 2 - 0.5

    angles = np.linspace(0, math.pi / 2, DENSE)
    radii = np.sqrt(1 + 0.1 * np.cos(16 * angles))
    curve = np.stack([radii * np.sin(angles), radii * np.cos(angles)], axis=1).tolist()
    return made(name, ((0, math.pi), (0, math.pi)), 2, values, curve)


def of_c2dtlz2(name: str) -> Problem:
    """Jain & Deb 2014, https://doi.org/10.1109/TEVC.2013.2281534: three pieces of a circle."""
    radius = 0.2  # as published for two objectives

    def values(first: float, *others: float) -> Sequence[float]:
        scale = 1 + sum((x - 0.5) ** 2 for x in others)
        f = scale * math.cos(first * math.pi / 2), scale * math.sin(first * math.pi / 2)
        centres = (1.0, 0.0), (0.0, 1.0), (math.sqrt(0.5), math.sqrt(0.5))
        return (*f, min(math.dist(f, centre) ** 2 for centre in centres) - radius**2)

    curve = [(x, *[0.5] * (NUMBERS - 1)) for x in np.linspace(0, 1, DENSE).tolist()]
    return made(name, [(0, 1)] * NUMBERS, 1, values, curve)


WELDED_BEAM = numbers((0.125, 5), (0.1, 10), (0.1, 10), (0.125, 5))


def of_welded_beam(name: str) -> Problem:
    """Deb & Srinivasan 2006: cost and deflection of a beam; the best known front."""
    return _made(name, WELDED_BEAM, 4, welded_beam, best_known(name))


def welded_beam(config: Mapping[str, Any]) -> Sequence[float]:
    """Give cost, deflection and, in shares of what is allowed, what breaks the constraints."""
    h, l, t, b = (config[each.name] for each in WELDED_BEAM)  # noqa: E741 - the paper's names
    cost = 1.10471 * h * h * l + 0.04811 * t * b * (14 + l)
    arm = math.sqrt(0.25 * (l * l + (h + t) ** 2))
    direct = 6000 / (math.sqrt(2) * h * l)
    turned = 6000 * (14 + 0.5 * l) * arm
    turned /= 2 * 0.707 * h * l * (l * l / 12 + 0.25 * (h + t) ** 2)
    shear = math.sqrt(direct**2 + turned**2 + l * direct * turned / arm)
    buckling = 64746.022 * (1 - 0.0282346 * t) * t * b**3
    bending = 504000 / (t * t * b)
    broken = shear / 13600 - 1, bending / 30000 - 1, (h - b) / (5 - 0.125), 1 - buckling / 6000
    return (cost, 2.1952 / (t**3 * b), *broken)


FAMILIES: dict[str, Callable[..., Problem]] = {
    "bnh": of_bnh,
    "osy": of_osy,
    "tnk": of_tnk,
    "c2dtlz2": of_c2dtlz2,
    "welded_beam": of_welded_beam,
}
