"""The contract of a parameter: how a block of coordinates becomes values, and back."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import ConfigError, SpaceError, UnknownNameError
from hpopt.space.layout import SequenceLayout
from hpopt.space.prior import Belief, Prior, prior_to_json

Self = TypeVar("Self", bound="Parameter")
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
When = Mapping[str, Any]
Test = Callable[[dict[str, Any]], bool]
INACTIVE = 0.5  # the coordinate of what does not exist: the middle, as good as any other
Resolution = int | Mapping[str, Any] | None


class Parameter(ABC):
    """One named choice of a space. It owns `width` coordinates in [0, 1].

    All methods work on whole blocks of coordinates, shape (n, width).

    Attributes
    ----------
    kind : str
        Its name in JSON.
    required, optional : tuple of str
        The names of its settings, but for `when` and `default`.
    when : mapping of str to tuple
        The values that its parents must have for it to exist; empty where it always does.
    width : int
        The number of its coordinates.
    levels : ndarray (width,) of int
        How many values each coordinate distinguishes; 0 for a continuous one.
    ordered : ndarray (width,) of bool
        Whether near coordinates mean similar values.
    default : optional
        The value that `Space.filled` gives a config without one; None for none.
    prior : optional
        Where its good values are believed to lie; None where nothing is believed.
    """

    kind: ClassVar[str]
    required: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[dict[str, type[Parameter]]] = {}
    when: When | None
    default: Any = None
    prior: Any = None
    width: int
    levels: NDArray[np.int64]
    ordered: Bools

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in vars(cls):
            Parameter.kinds[cls.kind] = cls

    @property
    @abstractmethod
    def size(self) -> float:
        """How many values it has: an int, or inf."""

    @abstractmethod
    def check(self, value: Any, name: str) -> Any:
        """Return a user's value in its canonical form.

        Raises
        ------
        ConfigError
            It does not fit; the message says why and calls the parameter `name`.
        """

    def takes(self, value: Any) -> bool:
        """Return whether a user's value fits."""
        try:
            self.check(value, "")
        except ConfigError:
            return False
        return True

    def filled(self, value: Any, rng: np.random.Generator | None = None) -> Any:
        """Return a user's value with what is absent inside it; see `Space.filled`."""
        return value

    def sample(self, rng: np.random.Generator) -> Any:
        """Return a value drawn from its prior, by default uniform in its coordinates."""
        uniforms, parts = rng.random((1, self.width)), self.believed(0)
        block = Prior(parts).points(uniforms) if parts else uniforms
        return self.decode(self.repaired(block, rng))[0]

    def believed(self, start: int) -> list[tuple[Ints, Belief]]:
        """Return the densities of its coordinates that have one, the first being `start`."""
        return []

    def _check_when_and_default(self) -> None:
        """Make both canonical; what the default is checked against must be set before."""
        object.__setattr__(self, "when", normalised_when(self.when))
        if self.default is None:
            return
        try:
            default = self.check(self.filled(self.default), "default")
        except ConfigError as error:
            raise SpaceError(f"default must be a value that the parameter takes: {error}") from None
        object.__setattr__(self, "default", default)

    @abstractmethod
    def encode(self, values: Sequence[Any]) -> Floats:
        """Return the coordinates of n canonical values, shape (n, width)."""

    @abstractmethod
    def decode(self, block: Floats) -> list[Any]:
        """Return the n values at coordinates of shape (n, width)."""

    @abstractmethod
    def codes(self, block: Floats) -> Floats:
        """Return numbers that are equal exactly where the values are, shape (n, width)."""

    @abstractmethod
    def snap(self, block: Floats) -> Floats:
        """Move each discrete coordinate to the centre of its cell, shape (n, width)."""

    @abstractmethod
    def active(self, block: Floats) -> Bools:
        """Return which coordinates matter, shape (n, width)."""

    @abstractmethod
    def neighbours(self, row: Floats, resolution: int, step: float = 0.0) -> Floats:
        """Return the blocks one step away from a block of shape (width,), shape (m, width).

        See `Space.neighbours`.
        """

    @abstractmethod
    def count(self, resolution: Resolution) -> float:
        """Return the number of values on its grid: an int, or inf."""

    @abstractmethod
    def unrank(self, index: int, resolution: Resolution) -> Floats:
        """Return the block of the grid's value number `index`, shape (width,)."""

    @property
    def forbidden(self) -> tuple[Test, ...]:
        """The predicates that no layer of its value may match."""
        return ()

    def allowed(self, block: Floats) -> Bools:
        """Return in which blocks no layer matches one of its own predicates, shape (n,)."""
        return np.ones(len(block), dtype=bool)

    def repaired(self, block: Floats, rng: np.random.Generator) -> Floats:
        """Return blocks in which what its own predicates forbid is sampled anew."""
        return block

    def layouts(self, start: int) -> tuple[SequenceLayout, ...]:
        """Return the layouts of its variable-length lists, its first coordinate being `start`."""
        return ()

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return what its constructor takes, as JSON data, without `when` and `default`."""

    @classmethod
    def from_settings(cls: type[Self], settings: dict[str, Any]) -> Self:
        """Return the parameter of such settings, `when` and `default` among them."""
        known = [*cls.required, *cls.optional, "when", "default"]
        for key in settings:
            if key not in known:
                raise UnknownNameError(f"key of a {cls.kind} parameter", str(key), known)
        for key in cls.required:
            if key not in settings:
                raise SpaceError(
                    f"a {cls.kind} parameter needs {key!r}, but got only {sorted(settings)}"
                )
        return cls(**settings)

    def to_json(self) -> dict[str, Any]:
        """Return the parameter as JSON data."""
        document = {"type": self.kind, **self.settings()}
        if self.prior is not None:
            document["prior"] = prior_to_json(self.prior)
        if self.default is not None:
            document["default"] = as_json(self.default)
        if self.when:
            document["when"] = as_json({**self.when})
        return document

    @staticmethod
    def from_json(name: str, document: Any) -> Parameter:
        """Return the parameter of such JSON data.

        Raises
        ------
        SpaceError
            The data is not a parameter's.
        UnknownNameError
            A type or a key does not exist; suggests the nearest.
        """
        if not isinstance(document, Mapping) or "type" not in document:
            raise SpaceError(
                f"parameter {name!r} must be a table with a type "
                f"({', '.join(sorted(Parameter.kinds))}), but got {document!r}"
            )
        settings = {key: value for key, value in document.items() if key != "type"}
        kind = document["type"]
        if not isinstance(kind, str) or kind not in Parameter.kinds:
            raise UnknownNameError(f"type of parameter {name!r}", str(kind), Parameter.kinds)
        try:
            return Parameter.kinds[kind].from_settings(settings)
        except UnknownNameError:
            raise
        except SpaceError as error:
            raise SpaceError(f"parameter {name!r}: {error}") from None


def normalised_when(when: When | None) -> When | None:
    """Return a `when` with a tuple of values for each parent; None without parents."""
    if when is None:
        return None
    if not isinstance(when, Mapping) or not all(isinstance(parent, str) for parent in when):
        raise SpaceError(f"when must be a mapping of parents to values, but got {when!r}")
    normalised = {}
    for parent, values in when.items():
        if isinstance(values, set | frozenset):
            chosen = tuple(sorted(values, key=repr))  # the same in every process
        else:
            chosen = tuple(values) if isinstance(values, list | tuple | range) else (values,)
        if not chosen:
            raise SpaceError(f"when must name at least one value of {parent!r}, but got none")
        normalised[parent] = tuple(as_plain(value) for value in chosen)
    return normalised or None


def hint_of_tuple(parameter: Parameter, name: str, values: Sequence[Any]) -> str:
    """Return how to write a tuple that is one value, where its items were taken for values."""
    if len(values) > 1 and parameter.takes(tuple(values)):
        return f". For the one value {tuple(values)} write {{{name!r}: [{tuple(values)}]}}"
    return ""


def as_plain(value: Any) -> Any:
    """Return numpy scalars as plain Python values, anything else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    return value


def as_json(value: Any) -> Any:
    """Return data as it comes back from JSON: with lists for tuples."""
    return json.loads(json.dumps(value))


def identity(value: Any) -> str:
    """Return a text that differs for values that compare equal but are not (1, 1.0 and True)."""
    return _text(value) if type(value) in KEPT else json.dumps(value, sort_keys=True)


# A search looks up the same few choices hundreds of thousands of times. Not floats: 0.0 == -0.0.
KEPT = (str, int, bool, type(None))
_text = lru_cache(maxsize=4096, typed=True)(json.dumps)
