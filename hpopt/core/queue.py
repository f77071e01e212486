"""What a strategy has drawn for the next numbers, and nobody has asked for yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from hpopt.core.origin import UNKNOWN, Origin
from hpopt.core.problem import Fidelity
from hpopt.core.proposals import Floats, Proposals
from hpopt.core.trial import Config, Solution
from hpopt.errors import SettingError
from hpopt.space import Space

Drawn = tuple[Config, Floats, float, Origin]

# A third number in a generator's key: strategies use keys of one or two, so draws never coincide.
REPLACEMENT = 8


class Queue:
    """The points that were drawn for the next numbers, in their order.

    Parameters
    ----------
    space : Space
    proposals : Proposals
        What is drawn is noted there.
    fidelity : Fidelity or None
        The problem's.
    generator : callable
        Returns the random generator of a key.
    """

    def __init__(
        self,
        space: Space,
        proposals: Proposals,
        fidelity: Fidelity | None,
        generator: Callable[..., np.random.Generator],
    ) -> None:
        self._space, self._proposals = space, proposals
        self._fidelity, self._generator = fidelity, generator
        self._waiting: deque[Drawn] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self, number: int, points: Floats, fidelities: Floats, origins: Mapping[bytes, Origin]
    ) -> bool:
        """Add points from a number on, other ones in place of known ones; return whether any.

        A config that is known may come again at a higher fidelity than any that it had. `origins`
        has those of points by their bytes.

        Raises
        ------
        SettingError
            A fidelity is none of the problem's.
        """
        self._check(points, fidelities, number)
        points = np.ascontiguousarray(points)
        repeats = self._note(points, range(number, number + len(points)), fidelities)
        known: Sequence[Origin] = [UNKNOWN] * len(points)
        if origins:
            known = [origins.get(point.tobytes(), UNKNOWN) for point in points]
        if repeats:
            drawn, points = points, self._without_repeats(points, fidelities, number, repeats[0])
            others = (points != drawn[: len(points)]).any(axis=1).tolist()
            known = [Origin(k.generation) if o else k for k, o in zip(known, others, strict=False)]
        points.flags.writeable = False  # solutions share these rows
        configs = self._space.decode(points)
        self._waiting.extend(zip(configs, points, fidelities.tolist(), known, strict=False))
        return bool(len(points))

    def pop(self) -> Drawn:
        """Take the first: its config, its point, its fidelity and its origin."""
        return self._waiting.popleft()

    def put_back(self, solution: Solution) -> None:
        """Put a solution that was asked before the first."""
        fidelity = np.nan if solution.fidelity is None else solution.fidelity
        origin = Origin(solution.generation, solution.parents)
        self._waiting.appendleft((solution.config, solution.point, fidelity, origin))

    def drop(self, number: int) -> None:
        """Forget them all, of which the first waited for a number."""
        if self._waiting:
            points = np.array([point for _, point, _, _ in self._waiting])
            self._proposals.remove(points, range(number, number + len(points)))
            self._waiting.clear()

    def _check(self, points: Floats, fidelities: Floats, number: int) -> None:
        if np.shape(fidelities) != (len(points),):
            raise SettingError(
                "_ask_at must return a fidelity for each point, but returned "
                f"{len(points)} points and fidelities of the shape {np.shape(fidelities)}"
            )
        within = self._fidelity
        if within is None:
            if not np.isnan(fidelities).all():
                raise SettingError(
                    "a problem must have a fidelity for a strategy to choose one, but "
                    f"{fidelities[~np.isnan(fidelities)][0]:g} was chosen for solution {number} "
                    "and the problem has none: give it fidelity=hpopt.Fidelity(low, high)"
                )
            return
        wrong = np.flatnonzero(~((fidelities >= within.low) & (fidelities <= within.high)))
        if len(wrong):
            raise SettingError(
                f"a strategy must choose a fidelity from {within.low:g} to {within.high:g} "
                f"({within.name}), but chose {fidelities[wrong[0]]:g} for solution "
                f"{number + wrong[0]}: change what its _ask_at returns"
            )

    def _note(self, points: Floats, numbers: Iterable[int], fidelities: Floats) -> list[int]:
        none = self._fidelity is None
        return self._proposals.add(points, numbers, None if none else fidelities)

    def _without_repeats(
        self, points: Floats, fidelities: Floats, number: int, first: int
    ) -> Floats:
        """Replace rows, from one on, whose config is known: from an added trial, as a rule.

        Each row by itself, so that the draws for a number do not depend on when it is drawn.
        """
        points = points.copy()
        for row in range(first, len(points)):
            own = number + row
            point, fidelity = points[row : row + 1], fidelities[row : row + 1]
            if not self._note(point, [own], fidelity):
                continue
            if self._fidelity is not None:
                self._proposals.remove(point, [own])
            rng = self._generator(own, REPLACEMENT, 0)
            new = self._proposals.novel(point, rng, before=own)
            if not len(new):
                self._proposals.remove(points[row:], range(own, number + len(points)))
                return points[:row]
            points[row] = new[0]
            self._note(new, [own], fidelity)
        return points
