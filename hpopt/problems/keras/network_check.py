"""Check networks before the first trial: `build` makes them, and data and objectives fit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from hpopt.core.trial import Config
from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.backend import gpu_memory_on_demand
from hpopt.problems.keras.builders.targets import SPARSE, check_labels
from hpopt.problems.keras.data.batches import single_batch
from hpopt.problems.keras.data.feeding import Examples, in_order_of_outputs, small_batch
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.source_choice import checked_split
from hpopt.problems.keras.data.sources import Source
from hpopt.problems.keras.data.structures import fits_shape, shapes_of
from hpopt.problems.keras.metrics import check_reported, numbers_of
from hpopt.problems.keras.session import fresh_session, import_keras
from hpopt.problems.keras.user_errors import check_by_trying

DATA_STEP = "the functions for x and validation_data must return data"
"""What must hold in the first step of trying a problem, for the message of an error."""


def check_is_model(model: Any, name: str) -> None:
    """Raise ProblemError unless this is a Keras model."""
    if not isinstance(model, import_keras().Model):
        hint = ""
        if model is None:
            hint = ": return the model at its end"
        elif isinstance(model, import_keras().callbacks.History):
            hint = ": return the model itself, which is trained by KerasProblem"
        raise ProblemError(
            f"{name} must return a keras.Model, but returned {type(model).__name__}{hint}"
        )


def check_by_building(
    source: Source,
    configs: Iterable[Config],
    compiled: Callable[[Config], Any],
    objectives: Iterable[str] = (),
) -> None:
    """Build one network, let it evaluate a few examples, and check that it reports the objectives.

    Keras' state, the global random generators and a GPU's memory are as before afterwards.
    Configs are tried in turn until one succeeds; `compiled` returns the compiled network of one.

    Raises
    ------
    ProblemError, SettingError
        No network can be built, or the data or an objective does not fit it.
    """

    def attempt(config: Config, begin: Callable[[str], None]) -> None:
        begin(DATA_STEP)
        split = checked_split(source, config)
        begin("build must make a network")
        with fresh_session(0):  # its end frees what the user's function has built
            build(config, split.training, begin)

    def build(config: Config, training: Examples, begin: Callable[[str], None]) -> None:
        model = compiled(config)
        if isinstance(training, Rows):
            _check_fits(model, training)
            training = in_order_of_outputs(training, model)
        begin("the network must take the data")
        logs = _logs(model, training, source.is_validated)
        if logs is not None:
            _check_objectives(model, objectives, logs, source.is_validated)

    with gpu_memory_on_demand(), _undisturbed_randomness():
        import_keras()  # here, so that its absence is not reported as an error of `build`
        check_by_trying(configs, attempt)


def _logs(model: Any, examples: Examples, is_validated: bool) -> Mapping[str, Any] | None:
    """Return the logs of a model for a few examples; None where none are cheap to get."""
    batch = small_batch(examples)
    if batch is None:
        return None
    model.run_eagerly = True  # tracing a graph would take seconds
    # Not train_on_batch: it calls a user's train_step with three parts, where fit has two.
    data = single_batch(batch)
    if is_validated:
        return dict(model.evaluate(data, verbose=0, return_dict=True))
    return {name: values[-1] for name, values in model.fit(data, verbose=0).history.items()}


def _check_objectives(
    model: Any, objectives: Iterable[str], logs: Mapping[str, Any], is_validated: bool
) -> None:
    keras = import_keras()
    known = dict(logs)
    if is_validated:
        known |= {f"val_{name}": log for name, log in logs.items()}
    numbers = numbers_of(known)
    # A train_step of the user may report other names than evaluate does.
    trains_usually = type(model).train_step is keras.Model.train_step
    for name in objectives:
        if name.startswith("val_") or not is_validated or trains_usually:
            kind = _kind_of(model, name.removeprefix("val_"))
            check_reported(name, known, numbers, kind)


def _kind_of(model: Any, name: str) -> str:
    """Return the class of a metric as code, for a message."""
    for metric in model.metrics:
        for each in (metric, *getattr(metric, "metrics", ())):
            if each.name == name:
                return f"keras.metrics.{type(each).__name__}"
    return "keras.metrics.F1Score"


@contextmanager
def _undisturbed_randomness() -> Iterator[None]:
    """Restore the state of Python's and numpy's global generators afterwards."""
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)


def _check_fits(model: Any, rows: Rows) -> None:
    """Raise SettingError unless examples and targets fit a model."""
    if rows.y is None and model.loss is not None and _is_usual(model):
        raise SettingError(
            f"y must be given, as the network is compiled with a loss ({_name(model.loss)}) that "
            "compares its outputs with targets: give y=x to an autoencoder"
        )
    if not getattr(model, "built", False) or isinstance(rows.x, dict | tuple):
        return
    x = rows.x  # several inputs are checked by evaluating some examples
    wanted = _shape(getattr(model, "input_shape", None))
    if wanted:
        fits = fits_shape(wanted[1:], x.shape[1:]) or (
            wanted[-1] == 1 and fits_shape(wanted[1:-1], x.shape[1:])
        )
        if not fits:
            raise SettingError(
                f"x must hold examples of the shape {tuple(wanted[1:])}, as the network takes "
                f"them, but its shape is {x.shape}"
            )
    outputs = _shape(getattr(model, "output_shape", None))
    loss = getattr(model, "loss", None)
    if outputs and outputs[-1] and getattr(loss, "name", loss) == SPARSE:
        if isinstance(rows.y, dict | tuple):
            raise SettingError(
                f"y must be one array, as the network has one output, but is {shapes_of(rows.y)}"
            )
        check_labels(rows.y, outputs[-1], "y")


def _is_usual(model: Any) -> bool:
    """Return whether a model computes its loss as Keras does, not by a method of the user."""
    keras, kind = import_keras(), type(model)
    return (
        kind.train_step is keras.Model.train_step and kind.compute_loss is keras.Model.compute_loss
    )


def _name(loss: Any) -> str:
    return str(loss if isinstance(loss, str) else getattr(loss, "name", type(loss).__name__))[:40]


def _shape(shape: Any) -> tuple[int | None, ...]:
    """Return a shape; () for None, or for several shapes."""
    is_one = isinstance(shape, tuple) and all(
        side is None or isinstance(side, int) for side in shape
    )
    return shape if is_one else ()
