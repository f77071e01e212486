"""The models that this process has traced: a trial of the same architecture trains one of them."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.core.evaluation import in_one_line, status_of
from hpopt.problems.keras.data.batches import GeneratedBatches
from hpopt.problems.keras.data.feeding import Examples, first_input, small_batch
from hpopt.problems.keras.data.resident import ResidentData
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.session import import_keras, keras_version, want_kernels
from hpopt.problems.keras.sharing.architecture import (
    architecture_of,
    are_plain,
    can_share,
    is_plain_model,
    layers_within,
)
from hpopt.problems.keras.sharing.numbers import (
    Place,
    inner_optimizer,
    is_input,
    number_class,
    own_variables,
    places_of,
)
from hpopt.problems.keras.sharing.rates import put_table

BACKENDS = ("tensorflow", "jax")  # PyTorch traces nothing
# Graphs of a small network take some 10 MB, and a search rarely turns among more architectures.
MOST_MODELS = 8
MEGABYTE = 2**20
# Of weights and slots, all models together; and of one: a network of this size trains so long that
# its compilation does not matter.
MOST_BYTES, LARGEST = 128 * MEGABYTE, 32 * MEGABYTE
# Steps that TensorFlow takes in one call: a call costs as much as a step of a small network, and
# more steps than these gain next to nothing.
STEPS_PER_CALL = 32
# Before it, Keras has no results of an epoch that has fewer steps than are taken in a call.
SEVERAL_STEPS_SINCE = (3, 7)
ANEW = "are each compiled anew, as sharing the compilation"
"""What is done instead with networks whose step cannot be traced."""


@dataclass(slots=True)
class Traced:
    """A model whose numbers are variables, with what a later trial puts into it."""

    model: Any
    numbers: list[Any]
    table: Any  # of the rates of its schedule, or None
    slots: list[Any]  # what the variables of its optimizer begin with
    n_bytes: int

    def receive(self, fresh: Any, places: Sequence[Place], table: Any) -> None:
        """Put a fresh model of the same architecture into this one: weights, state and numbers."""
        for mine, theirs in zip(own_variables(self.model), own_variables(fresh), strict=True):
            mine.assign(theirs)
        optimizer = self.model.optimizer
        for mine, start in zip(own_variables(optimizer), self.slots, strict=True):
            mine.assign(np.broadcast_to(start, mine.shape))
        for number, place in zip(self.numbers, places, strict=True):
            number.nominal = place.value
            number.assign(place.value)
        if table is None:
            keras, rate = import_keras(), fresh.optimizer.learning_rate
            if isinstance(rate, keras.Variable):
                # As a number: Keras would take the variable itself for one of this optimizer.
                optimizer.learning_rate = float(keras.ops.convert_to_numpy(rate))
        else:
            self.table.rates.assign(table.rates)


@dataclass(frozen=True, slots=True)
class Described:
    """A fresh model: the key of its architecture, the places of its numbers, and its rates."""

    key: str | None  # None: it cannot be described
    places: list[Place]
    table: Any  # of the rates of its schedule, or None


def describe(
    fresh: Any,
    layers: list[Any],
    batch: tuple[Any, ...],
    n_steps: int | None,
    others: tuple[Any, ...],
    *,
    config_of: Callable[[Any], Any] | None = None,
) -> Described:
    """Describe a fresh model that can share; its schedule becomes a table.

    `others` is what else decides the traced step; `config_of` returns what to take for its config.
    """
    table = put_table(fresh.optimizer, n_steps)
    places = places_of(fresh, layers)
    key = architecture_of(fresh, places, batch, others, config_of)
    return Described(key, places, table)


class SharingFailedError(Exception):
    """The version of Keras is made in another way than what shares a step expects."""


class TracedModels:
    """The last models that were traced, by their architecture, up to a number and a size."""

    def __init__(self) -> None:
        self._traced: OrderedDict[str, Traced] = OrderedDict()
        self._refused: set[str] = set()
        self._is_off = False
        self.most_bytes = MOST_BYTES
        self.data = ResidentData()
        self.populations: OrderedDict[str, Any] = OrderedDict()
        """What was traced for several networks at a time, by their architecture."""
        self._said: set[str] = set()

    def ready(
        self,
        fresh: Any,
        examples: Examples,
        callbacks: Sequence[Any],
        n_steps: int | None,
    ) -> tuple[Any, str | None]:
        """Return the model to train in place of a fresh one, in the same state, and its key.

        Without a key it is the fresh one, as it is.

        Parameters
        ----------
        n_steps : int, optional
            The steps of the longest training, for which a schedule has rates.

        Raises
        ------
        SharingFailedError
            The fresh one is spoilt; later ones are returned as they are.
        """
        if self._is_off or import_keras().backend.backend() not in BACKENDS:
            return fresh, None
        if not is_plain_model(fresh) or not are_plain(callbacks):
            return fresh, None
        # A batch of a generator may be dear: the one that is looked at is trained on, too.
        batch = examples.peek() if isinstance(examples, GeneratedBatches) else small_batch(examples)
        if batch is None:
            return fresh, None
        if not fresh.built:
            fresh(batch[0] if isinstance(examples, GeneratedBatches) else first_input(examples))
        takes_several = isinstance(examples, Rows) and keras_version() >= SEVERAL_STEPS_SINCE
        n_at_once = STEPS_PER_CALL if takes_several else 1
        try:
            return self._ready(fresh, batch, n_steps, n_at_once)
        except Exception as error:  # a version of Keras that is made in another way
            self.clear()
            self._is_off = True
            _say(error)
            raise SharingFailedError from error

    def _ready(
        self, fresh: Any, batch: tuple[Any, ...], n_steps: int | None, n_at_once: int
    ) -> tuple[Any, str | None]:
        layers = layers_within(fresh)
        if not can_share(fresh, layers):
            return fresh, None
        inner = inner_optimizer(fresh.optimizer)
        schedule = inner._learning_rate
        described = describe(fresh, layers, batch, n_steps, (n_at_once,))
        key = described.key
        if key is None or key in self._refused:
            if described.table is not None:
                inner.learning_rate = schedule
            return fresh, None
        found = self._traced.get(key)
        if found is None:
            found = with_inputs(fresh, described.places, described.table, n_at_once)
            self._keep(key, found)
        else:
            found.receive(fresh, described.places, described.table)
            self._traced.move_to_end(key)
        if key in self._traced:
            want_kernels()
        return found.model, key

    def _keep(self, key: str, found: Traced) -> None:
        if found.n_bytes > min(LARGEST, self.most_bytes):
            return
        self._traced[key] = found
        self._shrink()

    def _shrink(self) -> None:
        while len(self._traced) > MOST_MODELS or self._n_bytes() > self.most_bytes:
            self._traced.popitem(last=False)

    def _n_bytes(self) -> int:
        return sum(each.n_bytes for each in self._traced.values())

    def limit(self, n_bytes: int) -> None:
        """Hold no more than this from now on."""
        self.most_bytes = n_bytes
        self._shrink()

    def drop(self, key: str | None) -> None:
        """Forget a model whose training was cut off: it may be in any state."""
        if key is not None:
            self._traced.pop(key, None)

    def refuse(self, key: str, error: BaseException, instead: str = ANEW) -> None:
        """Train networks of this architecture in a plainer way from now on, and say so."""
        self.drop(key)
        self._refused.add(key)
        _say(error, instead)

    def has_refused(self, key: str) -> bool:
        """Return whether networks of this architecture are trained in a plainer way."""
        return key in self._refused

    def say_once(self, sentence: str) -> None:
        """Say something once in this process."""
        if sentence not in self._said:
            self._said.add(sentence)
            sys.stdout.write(f"{sentence}\n")

    def clear(self) -> None:
        """Give the memory of all models and data back."""
        self._traced.clear()
        self.populations.clear()
        self.data.clear()


def _say(error: BaseException, instead: str = ANEW) -> None:
    sys.stdout.write(f"networks of an architecture {instead} raised {in_one_line(error)}\n")


def with_inputs(
    model: Any, places: Sequence[Place], table: Any, n_at_once: int, inputs: Sequence[Any] = ()
) -> Traced:
    """Put variables in the places of a model's numbers, before anything of it is traced.

    `inputs` are further variables of its layers that its step is to be handed, on JAX.
    """
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    slots = [_compact(variable) for variable in optimizer.variables]
    numbers = [number_class()(place.value, f"number_{i}") for i, place in enumerate(places)]
    for number, place in zip(numbers, places, strict=True):
        place.put(number)
    keras = import_keras()
    if keras.backend.backend() == "jax":
        rates = [] if table is None else [table.rates]
        groups = [place.group for place in places] + ["model"] * len(inputs)
        _hand_over(model, [*numbers, *inputs], groups, rates)
    elif model.steps_per_execution == 1:
        model.steps_per_execution = n_at_once
    n_bytes = sum(_n_bytes(each) for each in (*model.variables, *optimizer.variables))
    return Traced(model, numbers, table, slots, n_bytes)


def _hand_over(
    model: Any, numbers: Sequence[Any], groups: Sequence[str], rates: Sequence[Any]
) -> None:
    """Let Keras hand the numbers to a step on JAX, which takes all else as constants.

    Raises
    ------
    NotImplementedError
        This version of Keras does not.
    """
    in_model = [n for n, group in zip(numbers, groups, strict=True) if group == "model"]
    in_optimizer = [n for n, group in zip(numbers, groups, strict=True) if group == "optimizer"]
    # Like the state of a generator of random numbers, which is handed over but is no weight.
    model._seed_generators.extend(map(_Holder, in_model))
    inner = inner_optimizer(model.optimizer)
    for variable in (*in_optimizer, *rates):
        inner._track_variable(variable)
    for each in {id(o): o for o in (model.optimizer, inner)}.values():
        _save_without_inputs(each)
    handed = {id(each) for each in (*model.non_trainable_variables, *model.optimizer.variables)}
    is_weight = any(map(is_input, model.weights))
    if is_weight or not all(id(each) in handed for each in (*numbers, *rates)):
        raise NotImplementedError("this version of Keras hands no further variables to a step")


@dataclass(frozen=True, slots=True)
class _Holder:
    """Holds a variable as a generator of random numbers holds its state."""

    state: Any


def _save_without_inputs(optimizer: Any) -> None:
    def save_own_variables(store: Any) -> None:
        for i, variable in enumerate(own_variables(optimizer)):
            store[str(i)] = variable.numpy()

    object.__setattr__(optimizer, "save_own_variables", save_own_variables)


def _compact(variable: Any) -> Any:
    """Return a variable's value; as one number, where all of it is."""
    value = import_keras().ops.convert_to_numpy(variable)
    first = value.reshape(-1)[:1]
    return first.reshape(()) if value.size and (value == first).all() else value


def _n_bytes(variable: Any) -> int:
    return int(np.prod(variable.shape, dtype=np.int64)) * 4  # float32, or a counter


_OF_PROCESS = TracedModels()
_LOCK = threading.Lock()


@contextmanager
def traced_models(memory_limit: int | None = None) -> Iterator[TracedModels]:
    """Yield the traced models of this process to a trial; to a second one at a time, none.

    Of a limit of the memory of a training, in bytes, they take an eighth at most.
    """
    # Two trials in threads of one process must not train the same model.
    is_mine = _LOCK.acquire(blocking=False)
    models = _OF_PROCESS if is_mine else TracedModels()
    try:
        models.limit(MOST_BYTES if memory_limit is None else min(MOST_BYTES, memory_limit // 8))
        yield models
    except BaseException as error:
        if status_of(error) == "out_of_memory":
            models.clear()
        raise
    finally:
        if is_mine:
            _LOCK.release()
