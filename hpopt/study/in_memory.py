"""A study without its file: what a pickled result carries."""

from __future__ import annotations

from dataclasses import dataclass

from hpopt.core import Solution, Trial
from hpopt.space import Space
from hpopt.storage import Header, MemoryStorage, Storage


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a storage holds, as plain data.

    Attributes
    ----------
    header : dict or None
    trials : tuple of Trial
        In the order of telling.
    pending : tuple of (Solution, int)
        With how many trials had been told when each was asked.
    outputs : dict of int to str
    """

    header: Header | None
    trials: tuple[Trial, ...]
    pending: tuple[tuple[Solution, int], ...]
    outputs: dict[int, str]

    def stored(self) -> Storage:
        """Return a storage in memory that holds them."""
        storage = MemoryStorage()
        if self.header is not None:
            storage.write_header(self.header)
        for solution, asked_after in self.pending:
            storage.started([solution], asked_after)
        storage.append(self.trials, self.outputs)
        return storage


def contents_of(storage: Storage) -> Contents:
    """Read all that a storage holds."""
    journal = storage.load()
    outputs = {trial.number: storage.output(trial.number) for trial in journal.trials}
    return Contents(
        storage.header(),
        journal.trials,
        tuple((each, journal.asked_after.get(each.number, 0)) for each in journal.pending),
        {number: output for number, output in outputs.items() if output},
    )


def packed(space: Space) -> bytes:
    """Pickle a space; what it forbids may be lambdas, which plain pickle cannot carry."""
    import cloudpickle

    return bytes(cloudpickle.dumps(space))


def unpacked(data: bytes) -> Space:
    """Return the space that was packed."""
    import cloudpickle

    space: Space = cloudpickle.loads(data)
    return space
