"""What the reports need of a study: `hpopt.study.Record` has it, and whatever derives from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from hpopt.core import Constraint, Fidelity, Objective, Ranking, Trial
from hpopt.space import Space
from hpopt.storage.running import Running


class Source(Protocol):
    """A study to be read; see `hpopt.study.Record` for what each part is."""

    header: dict[str, Any]
    space: Space

    @property
    def objectives(self) -> tuple[Objective, ...]: ...  # noqa: D102
    @property
    def constraints(self) -> tuple[Constraint, ...]: ...  # noqa: D102
    @property
    def fidelity(self) -> Fidelity | None: ...  # noqa: D102
    @property
    def ranking(self) -> Ranking: ...  # noqa: D102
    @property
    def path(self) -> Path | None: ...  # noqa: D102
    @property
    def running(self) -> Sequence[Running]: ...  # noqa: D102
    @property
    def pending_numbers(self) -> Sequence[int]: ...  # noqa: D102
    def iterate(self) -> Iterator[Trial]: ...  # noqa: D102
    def running_from(self, first: int) -> Sequence[Running]: ...  # noqa: D102
    def changes(self, place: int = -1, first: int = 0) -> Iterator[tuple[int, Trial]]: ...  # noqa: D102
    def trial(self, number: int) -> Trial: ...  # noqa: D102
    def output(self, number: int) -> str: ...  # noqa: D102
