"""Check networks before the first trial: that they are some, and that data and objectives fit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from hpopt.core.solution import Config
from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.backend import gpu_memory_on_demand
from hpopt.problems.keras.builders.targets import SPARSE, check_labels
from hpopt.problems.keras.data.batches import single_batch
from hpopt.problems.keras.data.feeding import Examples, in_order_of_outputs, small_batch
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.source_choice import checked_split
from hpopt.problems.keras.data.sources import Source
from hpopt.problems.keras.data.structures import shapes_of
from hpopt.problems.keras.metrics import check_reported, numbers_of
from hpopt.problems.keras.session import fresh_session, import_keras
from hpopt.problems.keras.user_errors import check_by_trying

DATA_STEP = "the functions for x and validation_data must return data"
"""The first step of trying a problem, as an error says it."""


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
    """Make one network, let it evaluate a few examples, and see that it reports the objectives.

    Afterwards nothing is left of it, random numbers are drawn as if it had not been, and a GPU
    has not been filled.

    Parameters
    ----------
    source : Source
    configs : iterable of dict
        Tried one after the other until one goes well.
    compiled : callable
        Makes the compiled network of a config.
    objectives : iterable of str
        Names of what the model must report.

    Raises
    ------
    ProblemError, SettingError
        There is no network, or something does not fit it.
    """

    def attempt(config: Config, begin: Callable[[str], None]) -> None:
        begin(DATA_STEP)
        split = checked_split(source, config)
        begin("build must make a network")
        with fresh_session(0):  # its end frees what a function has left
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
        import_keras()  # its absence is no error of the user's function
        check_by_trying(configs, attempt)


def _logs(model: Any, examples: Examples, is_validated: bool) -> Mapping[str, Any] | None:
    """Return what a model reports of a few examples; None where there are none at hand."""
    batch = small_batch(examples)
    if batch is None:
        return None
    model.run_eagerly = True  # tracing a graph would take seconds
    # Not train_on_batch: it calls a train_step of the user's with three parts, fit with two.
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
    trains_usually = type(model).train_step is keras.Model.train_step
    for name in objectives:
        if name.startswith("val_") or not is_validated or trains_usually:
            kind = _kind_of(model, name.removeprefix("val_"))
            check_reported(name, known, numbers_of(known), kind)


def _kind_of(model: Any, name: str) -> str:
    """Return how the metric of a name is written."""
    for metric in model.metrics:
        for each in (metric, *getattr(metric, "metrics", ())):
            if each.name == name:
                return f"keras.metrics.{type(each).__name__}"
    return "keras.metrics.F1Score"


@contextmanager
def _undisturbed_randomness() -> Iterator[None]:
    """Let Python's and numpy's global generators go on afterwards as if nothing had been drawn."""
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)


def _check_fits(model: Any, rows: Rows) -> None:
    """Raise SettingError unless examples and targets fit a model.

    Of a model whose shapes are not known yet, or that has several inputs or outputs, the shapes
    are not compared here: evaluating some examples tells.
    """
    if rows.y is None and model.loss is not None and _is_usual(model):
        raise SettingError(
            f"y must be given, as the network is compiled with a loss ({_name(model.loss)}) that "
            "compares its outputs with targets: give y=x to an autoencoder"
        )
    if not getattr(model, "built", False) or isinstance(rows.x, dict | tuple):
        return
    x = rows.x
    wanted = _shape(getattr(model, "input_shape", None))
    if wanted:
        fits = _fits(wanted, x.shape) or (wanted[-1] == 1 and _fits(wanted[:-1], x.shape))
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
    """Return whether a model computes its loss as Keras does, not by a method of its own."""
    keras, kind = import_keras(), type(model)
    return (
        kind.train_step is keras.Model.train_step and kind.compute_loss is keras.Model.compute_loss
    )


def _name(loss: Any) -> str:
    return str(loss if isinstance(loss, str) else getattr(loss, "name", type(loss).__name__))[:40]


def _fits(wanted: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    return len(wanted) == len(shape) and all(
        mine in (None, theirs) for mine, theirs in zip(wanted[1:], shape[1:], strict=True)
    )


def _shape(shape: Any) -> tuple[int | None, ...]:
    """Return a shape; () of what is none, or several."""
    is_one = isinstance(shape, tuple) and all(
        side is None or isinstance(side, int) for side in shape
    )
    return shape if is_one else ()
