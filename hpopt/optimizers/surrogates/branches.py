"""The branches of a space, and which of them may still give the most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.optimizers.surrogates.acquisition import Acquisition
from hpopt.optimizers.surrogates.encoding import MOST_BRANCHES, Bools, Encoding, Ints

# What a branch may give is judged by the best of so many configs of it: those of twelve branches
# cost as much as the candidates of an ask.
SAMPLED = 48
# In half of them each parameter has the value of the branch's best config with this probability.
KEPT = 0.5
# Lengthscales are those of all branches, and a few configs that differ in everything say little of
# one: its deviation counts 1 + 3 / (1 + n) times, where n of it were seen. Without this, and with
# the best config's branch among those that draw, the best branch was lost more often.
DOUBT = 3.0
BEST_COMPETING = 6  # of more than twelve branches; the others that compete are drawn


class Believed(Protocol):
    """The points that were observed, shape (n, d), and what is believed of their losses."""

    @property
    def points(self) -> Floats:
        """Their points, shape (n, d)."""

    @property
    def means(self) -> Floats:
        """The means of the model there, shape (n,)."""


class Branches:
    """Configs in which the same parameters exist, with the same choices that others depend on.

    A model that has seen a branch a few times only, with bad values of its own parameters, expects
    bad values of the whole branch, and a search that trusts it never comes back.

    The values of a number make branches only where they differ in what exists: near numbers are
    alike, while two choices need not be. The layers of lists make no branches of their own.
    """

    def __init__(self, encoding: Encoding) -> None:
        space, conditions = encoding.space, encoding.space.conditions
        self._encoding = encoding
        starts = {name: space.columns(name).start for name in space}
        self._sometimes = [starts[name] for name in space if conditions.allowed_codes(name)]
        self.parents = np.array(
            [starts[name] for name in space if name in conditions.parents], dtype=np.int64
        )
        is_choice = ~space.ordered[self.parents] & (space.levels[self.parents] <= MOST_BRANCHES)
        self._chosen = self.parents[is_choice]
        self._places = np.searchsorted(encoding.choices, self._chosen)
        self._drawn = encoding.draws
        self._keys = self.of(self._drawn)

    def __bool__(self) -> bool:
        return bool(self._sometimes)

    def of(self, points: Floats, active: Bools | None = None) -> Ints:
        """Return the keys (n, k) of the branches of points (n, d)."""
        active = self._encoding.space.active(points) if active is None else active
        codes = self._encoding.codes(points)[:, self._places]
        codes = np.where(active[:, self._chosen], codes, -1)
        return np.concatenate([active[:, self._sometimes].astype(np.int64), codes], axis=1)

    def firsts(self, points: Floats) -> Bools:
        """Return which points (n, d) are the first ones of their branches."""
        first = np.zeros(len(points), dtype=bool)
        first[np.unique(self.of(points), axis=0, return_index=True)[1]] = True
        return first

    def challenger(
        self, acquisition: Acquisition, believed: Believed, rng: np.random.Generator
    ) -> Branch | None:
        """Return the other branch than the best config's that gets a turn; None where none may win.

        Each branch enters with the config of the best lower confidence bound, of some sampled in
        it. Branches whose bound does not reach the best mean are out. Of the others the one of the
        best value gets the turn, drawn from the posterior there (top-two Thompson sampling, Russo
        2020, https://doi.org/10.1287/opre.2019.1911): one of which little is known may have it.

        Parameters
        ----------
        acquisition : Acquisition
            Its criterion is the lower confidence bound.
        believed : Believed
        rng : numpy.random.Generator
        """
        space, means = self._encoding.space, believed.means
        keys = self.of(believed.points)
        others = [
            self._branch(key, believed, keys)
            for key in self._competing(keys, means, rng)
            if (key != keys[means.argmin()]).any()
        ]
        if not others:
            return None
        sampled = np.concatenate([branch.sampled(SAMPLED, rng) for branch in others])
        sampled = space.snap(space.repaired(sampled, rng))
        features = self._encoding.features(sampled)
        bounds = np.where(space.allowed(sampled), acquisition(features), -np.inf)
        places = bounds.reshape(len(others), SAMPLED).argmax(axis=1)
        places += SAMPLED * np.arange(len(others))
        _, deviations = acquisition.process.predict(features[places])
        # The acquisition is κ σ - μ, plus what likely fails or repeats a value costs.
        centres = bounds[places] - acquisition.criterion.kappa * deviations
        spreads = deviations * [1 + DOUBT / (1 + branch.n_seen) for branch in others]
        may_win = centres + acquisition.criterion.kappa * spreads > -means.min()
        drawn = centres + spreads * rng.standard_normal(len(others))
        return others[np.where(may_win, drawn, -np.inf).argmax()] if may_win.any() else None

    def _branch(self, key: Ints, believed: Believed, keys: Ints) -> Branch:
        seen = np.flatnonzero((keys == key).all(axis=1))
        drawn = self._drawn[(self._keys == key).all(axis=1)]
        members = np.concatenate([believed.points[seen], drawn])
        best = members[believed.means[seen].argmin() if seen.size else 0]
        return Branch(self, key, members, best, len(seen))

    def _competing(self, keys: Ints, means: Floats, rng: np.random.Generator) -> Ints:
        """Return the keys of the branches that compete: twelve, some by chance, where more are."""
        every = np.unique(np.concatenate([keys, self._keys]), axis=0)
        if len(every) <= MOST_BRANCHES:
            return every
        ranked = keys[np.argsort(means, kind="stable")]
        firsts = np.sort(np.unique(ranked, axis=0, return_index=True)[1])
        best = ranked[firsts[:BEST_COMPETING]]
        others = every[~(every[:, None] == best).all(axis=2).any(axis=1)]
        return np.concatenate([best, rng.permutation(others)[: MOST_BRANCHES - len(best)]])


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a space.

    Attributes
    ----------
    branches : Branches
    key : ndarray (k,) of int
    members : ndarray (m, d)
        Some points in it.
    best : ndarray (d,)
        That of the best posterior mean.
    n_seen : int
        How many of its configs were observed.
    """

    branches: Branches
    key: Ints
    members: Floats
    best: Floats
    n_seen: int

    def has(self, points: Floats, active: Bools) -> Bools:
        """Return which points (n, d), of which this is active, are in it."""
        return np.asarray((self.branches.of(points, active) == self.key).all(axis=1))

    def moved_into(self, points: Floats, rng: np.random.Generator) -> Floats:
        """Return points (n, d) with what makes the branch from one of its members each."""
        points, parents = points.copy(), self.branches.parents
        chosen = self.members[rng.integers(len(self.members), size=len(points))]
        points[:, parents] = chosen[:, parents]
        return points

    def sampled(self, n: int, rng: np.random.Generator) -> Floats:
        """Return n points in it, half of them near its best one."""
        near = rng.random((n, len(self.best))) < KEPT
        near[: n // 2] = False
        return self.moved_into(np.where(near, self.best, rng.random(near.shape)), rng)
