"""Make the networks of a problem: by a builder, a function, or a method of its class."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpopt.core.objective import Objective
from hpopt.core.trial import Config
from hpopt.errors import ProblemError
from hpopt.problems.keras.builders.builder import BATCH_SIZE, Builder
from hpopt.problems.keras.data.feeding import first_batch
from hpopt.problems.keras.data.source_choice import checked_split
from hpopt.problems.keras.data.sources import ArraySource, Source
from hpopt.problems.keras.memory_estimate import MemoryEstimate, memory_of, memory_of_config
from hpopt.problems.keras.metrics import check_reported
from hpopt.problems.keras.network_check import DATA_STEP, check_by_building, check_is_model
from hpopt.problems.keras.user_errors import check_by_trying, configs_to_try
from hpopt.space import Parameter, Space

CompiledNetwork = Callable[[Config], Any]
"""Returns the compiled network of a config."""


class NetworkFactory:
    """Makes the networks of a problem, and checks them before the first trial.

    `given` is the problem's argument `build`, `owner` the name of the problem's class, which
    writes the method `build` itself if `is_overridden`.
    """

    def __init__(self, given: Any, owner: str, is_overridden: bool) -> None:
        if given is None and not is_overridden:
            raise ProblemError(
                f"{owner} needs something to build networks, but got none: give "
                "build=DenseBuilder(...) or a function of a config, or write the method build"
            )
        if given is not None and not isinstance(given, Builder) and not callable(given):
            raise ProblemError(
                "build must be a builder, or a function of a config that returns a Keras model, "
                f"but got {given!r}"
            )
        self.given = given
        # With a builder, once the data are known, its copy that is fitted to them.
        self._build = given
        self._owner, self._is_overridden = owner, is_overridden

    @property
    def objective(self) -> Objective | None:
        """The objective of a builder's networks; None without a builder."""
        return self._build.objective if isinstance(self._build, Builder) else None

    def space(
        self, given: Space | Mapping[str, Parameter] | None, *, has_batches: bool = False
    ) -> Space | None:
        """Return the space in place of that of the problem's class: the builder's, or `given`."""
        if not isinstance(self._build, Builder):
            return given if given is None or isinstance(given, Space) else Space(given)
        space = self._build.space if given is None else self._build.space_with(given)
        if not has_batches or space.get("batch_size") is not BATCH_SIZE:
            return space
        # A dataset has batches of its own.
        parameters = {name: each for name, each in space.items() if name != "batch_size"}
        return Space(parameters, space.forbidden)

    def make(self, config: Config) -> Any:
        """Return the network that the argument `build` makes of a config."""
        build = self._build
        return build.build(config) if isinstance(build, Builder) else build(config)

    def compiled(self, model: Any, settings: Callable[[], Mapping[str, Any]]) -> Any:
        """Return a network, compiled by `settings` if it is not yet."""
        name = f"{self._owner}.build" if self._build is None else "build"
        check_is_model(model, name)
        if not model.compiled:
            chosen = settings()
            if not chosen:
                raise ProblemError(
                    f"{name} must return a compiled model, but this one is not: call "
                    f"model.compile(...), or write {self._owner}.compile_settings(config)"
                )
            model.compile(**chosen)
        return model

    def check(
        self, source: Source, space: Space, compiled: CompiledNetwork, objectives: Sequence[str]
    ) -> None:
        """Raise if the data or the objectives do not fit the networks, or none can be built.

        A builder checks by itself, and learns how to standardise. A user's own code is tried with
        one config. `objectives` are the names that the model must report.
        """
        builder = self._builder
        if builder is not None:
            self._check_data(source, space, builder)
            if isinstance(source, ArraySource):
                # A copy: the user's builder may serve other problems too.
                self._build = builder = builder.fitted(source.everything)
        if builder is None or not builder.is_all_known:
            check_by_building(source, configs_to_try(space), compiled, objectives)
            return
        # Building a network, which takes seconds, would tell nothing new.
        reported = builder.target.reported
        for name in objectives:
            check_reported(name, {}, [*reported, *(f"val_{each}" for each in reported)])

    def _check_data(self, source: Source, space: Space, builder: Builder) -> None:
        def attempt(config: Config, begin: Callable[[str], None]) -> None:
            begin(DATA_STEP)
            split = checked_split(source, config)
            for part, names in zip(
                split[:2], (("x", "y"), ("validation x", "validation y")), strict=True
            ):
                rows = None if part is None else first_batch(part)
                if rows is not None:
                    builder.check_rows(rows, names)

        check_by_trying(configs_to_try(space), attempt)

    def memory(
        self, config: Config, batch_size: int, compiled: CompiledNetwork, *, copied: bool
    ) -> MemoryEstimate:
        """Estimate the memory that training the network of a config takes; see `memory_of`."""
        builder = self._builder
        if builder is not None:
            return memory_of_config(builder, config, batch_size, copied=copied)
        estimate = memory_of(compiled(config), batch_size, copied=copied)
        gc.collect()  # a model is a cycle of objects
        return estimate

    @property
    def _builder(self) -> Builder | None:
        """The builder, unless the problem's class overrides what it builds."""
        is_all = isinstance(self._build, Builder) and not self._is_overridden
        return self._build if is_all else None
