"""What makes the networks of a problem: a builder, a function, or a method of its own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any

from hpopt.core.problem import Objective
from hpopt.core.solution import Config
from hpopt.errors import ProblemError
from hpopt.problems.keras.builders.builder import Builder
from hpopt.problems.keras.data import Rows
from hpopt.problems.keras.memory import MemoryEstimate, memory_of, memory_of_config
from hpopt.problems.keras.network_check import check_fits, check_is_model
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.sources import ArraySource, Source, first_batch
from hpopt.space import Parameter, Space

Compiled = Callable[[Config], Any]
"""Gives the compiled network of a config."""


class Maker:
    """What makes the networks of a problem, and what is known of them before they are made.

    Parameters
    ----------
    given : Builder, callable or None
        The problem's argument `build`.
    owner : str
        The name of the problem's class.
    is_overridden : bool
        Whether that class writes the method `build`.

    Raises
    ------
    ProblemError
        Nothing makes networks.
    """

    def __init__(self, given: Any, owner: str, is_overridden: bool) -> None:
        if given is None and not is_overridden:
            raise ProblemError(
                f"{owner} needs something to build networks, but got none: give "
                "build=DenseBuilder(...) or a function of a config, or write the method build"
            )
        if given is not None and not isinstance(given, Builder) and not callable(given):
            raise ProblemError(
                "build must be a builder, or a function of a config that gives a Keras model, but "
                f"got {given!r}"
            )
        self._given, self._owner, self._is_overridden = given, owner, is_overridden

    @property
    def objective(self) -> Objective | None:
        """What a builder's networks are good at; None of others, which do not say it."""
        return self._given.objective if isinstance(self._given, Builder) else None

    def space(self, given: Space | Mapping[str, Parameter] | None) -> Space | None:
        """Give what stands in for the space of a problem's class: a builder's, or what is given."""
        if isinstance(self._given, Builder):
            return self._given.space if given is None else self._given.space_with(given)
        return given if given is None or isinstance(given, Space) else Space(given)

    def make(self, config: Config) -> Any:
        """Make the network of a config as the argument `build` does."""
        return (
            self._given.build(config) if isinstance(self._given, Builder) else self._given(config)
        )

    def compiled(self, model: Any, settings: Callable[[], Mapping[str, Any]]) -> Any:
        """Give a network that was made, compiled: by `settings` where it is not yet.

        Raises
        ------
        ProblemError
            It is no model, or there are no settings to compile it.
        """
        name = f"{self._owner}.build" if self._given is None else "build"
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

    def check(self, source: Source, config: Config, compiled: Compiled) -> None:
        """Raise where the data do not fit the networks, or none is made.

        A builder knows by itself, and learns how to standardise. Anything else is tried with one
        config; an error in it is left to the trials, as other configs may do.
        """
        split = source.split(config, 0)
        batches = [None if part is None else first_batch(part) for part in split]
        builder = self._builder
        if builder is None:
            _check_by_trying(config, compiled, split.training)
            return
        for batch, names in zip(
            batches, (("x", "y"), ("validation x", "validation y")), strict=True
        ):
            if batch is not None:
                builder.check_data(*batch, names)
        if isinstance(source, ArraySource):
            self._given = builder.fitted(source.everything)

    def memory(
        self, config: Config, batch_size: int, compiled: Compiled, *, copied: bool
    ) -> MemoryEstimate:
        """Estimate the memory that training the network of a config takes; see `memory_of`."""
        builder = self._builder
        if builder is not None:
            return memory_of_config(builder, config, batch_size, copied=copied)
        estimate = memory_of(compiled(config), batch_size, copied=copied)
        gc.collect()  # the model, a cycle of objects
        return estimate

    @property
    def _builder(self) -> Builder | None:
        """The builder whose networks are the problem's as they are."""
        is_all = isinstance(self._given, Builder) and not self._is_overridden
        return self._given if is_all else None


def _check_by_trying(config: Config, compiled: Compiled, examples: Any) -> None:
    import_keras()  # its absence is no error of the user's function
    try:
        model = compiled(config)
    except ProblemError:
        raise
    except Exception:
        return
    if isinstance(examples, Rows):
        check_fits(model, examples.x, examples.y)
    del model
    gc.collect()
