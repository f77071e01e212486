"""A problem that trains a Keras model: data and settings here, the network from a builder."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpopt.core.amounts import bytes_of
from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Fidelity, Objective, Problem, check_problem, objectives_of
from hpopt.core.solution import Config
from hpopt.errors import MemoryLimitExceeded, ProblemError, SettingError, UnknownNameError
from hpopt.problems.keras.builders.builder import Builder
from hpopt.problems.keras.data import Rows
from hpopt.problems.keras.memory import MemoryEstimate, in_units, memory_of, memory_of_config
from hpopt.problems.keras.metrics import Objectives, objectives_by_name
from hpopt.problems.keras.network_check import check_fits, check_is_model
from hpopt.problems.keras.session import (
    fresh_session,
    import_keras,
    precision_of_layers,
    require_keras,
)
from hpopt.problems.keras.sources import ArraySource, first_batch, first_input, source_of
from hpopt.problems.keras.training import Schedule, build_optimizer, check_count
from hpopt.problems.keras.trial_training import Callbacks, Recipe, schedule_rate, train_trial
from hpopt.problems.keras.weights import load_weights
from hpopt.space import Parameter, Space

PRECISIONS = ("float32", "float64", "bfloat16", "mixed_bfloat16", "mixed_float16")


class KerasProblem(Problem):
    """Search for the network that learns best from some data.

    The network is a builder's (`DenseBuilder`, `ConvolutionalBuilder`, `RecurrentBuilder`), that
    of a function of a config, or of a subclass: set `space`, write `build`. For images or tables
    of a few classes there is `Classifier`, which has it all.

    A trial is a function of its config and seed: on a CPU, with as many threads, the same two
    give the same values to the bit, in a new process or after a thousand other trials. Its
    values are those of its best epoch by the first objective that changes from epoch to epoch,
    and the weights that are kept are of that epoch too. Entries ``epochs``, ``batch_size``,
    ``precision`` of a config win over the arguments here, and ``schedule`` is obeyed
    (`schedule_parameters`).

    Parameters
    ----------
    x, y : array-like (n, ...)
        Examples and their targets, finite numbers. Arrays are not copied but read batch by
        batch, so they may be memory maps, and worker processes share them. Without `y`, `x` is a
        keras.utils.PyDataset, a tf.data.Dataset, a `TimeSeries` (which is cut by a parameter
        ``look_back``), or a function of a config that gives (x, y) or a dataset.
    build : Builder or callable, optional
        Makes the compiled network of a config. Its own space and objective are the problem's.
    validation_data : (array-like, array-like), optional
        What the ``val_`` metrics are measured on; or a dataset or function, as `x` may be.
    validation_split : float, in [0, 1)
        Without `validation_data`, the part of the examples put aside for it: always the same
        ones, stratified by class (or by size, for a numeric target). 0 for no validation.
    folds : int, at least 2, optional
        Cross-validation: a trial trains so many networks, each validated on a fold of the
        examples that the others do not share, and its values are the means.
    repeats : int, at least 1
        How often a trial trains its networks, each time with another seed, to average.
    space : Space or mapping of str to Parameter, optional
        Stands in for the class's, or for the builder's; parameters alone replace single ones of a
        builder's.
    objectives : str, Objective, several, or mapping of str to direction, optional
        Stand in for the class's. Metrics of the compiled model, by Keras' names
        (``"val_loss"``, ``"val_accuracy"``, ``"loss"`` …), whose direction is known for the
        usual ones; or ``"parameters"``, the number of weights. By default ``val_loss``.
    epochs : int, at least 1
        How long to train, at most.
    batch_size : int, at least 1
        Examples a step; datasets have their own.
    patience : int, at least 1, optional
        Stop after so many epochs without a better one.
    min_improvement : float, at least 0
        By how much an epoch must be better, to be one for `patience`.
    class_weight : mapping of int to float, optional
        What an example of each class counts in the loss.
    callbacks : callable, optional
        Called as ``callbacks(config, trial)`` for each training; gives fresh keras.callbacks.
    fidelity : Fidelity or (int, int), optional
        The fewest and most epochs, where a strategy may spend fewer on some trials; stands in
        for `epochs`. A later trial of the same config and seed goes on where the earlier one
        ended, and ends as if it had trained through.
    precision : str, optional
        What layers compute in: ``"mixed_float16"``, ``"mixed_bfloat16"``, ``"float32"`` …
    memory_limit : int or str, optional
        A config whose training is estimated to take more (``"4GB"``, or bytes) is not started:
        its trial is ``out_of_memory``. See `estimate_memory`.
    keep_weights : int, at least 0
        How many of a study's best trials keep their weights, for `load_model`.
    verbose : int, 0 to 2
        Keras' own output. In any case each trial prints one line.

    Raises
    ------
    SettingError
        The data or a setting is not what it must be.
    ProblemError
        The space, the objectives or the fidelity are not well formed, or `build` makes no model.
    MissingExtraError
        Keras or its backend is not installed.

    Examples
    --------
    >>> problem = KerasProblem(images, labels, build=ConvolutionalBuilder((32, 32, 3), classes=10))

    >>> class Mine(KerasProblem):
    ...     space = Space({"units": Int(4, 64, log=True)})
    ...
    ...     def build(self, config):
    ...         import keras
    ...
    ...         model = keras.Sequential([
    ...             keras.layers.Dense(config["units"], activation="relu"),
    ...             keras.layers.Dense(1),
    ...         ])
    ...         model.compile(optimizer="adam", loss="mse")
    ...         return model
    """

    objectives: Objective | Sequence[Objective] = (Objective("val_loss", "minimize"),)

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        build: Builder | Callable[[Config], Any] | None = None,
        validation_data: Any = None,
        validation_split: float = 0.2,
        folds: int | None = None,
        repeats: int = 1,
        space: Space | Mapping[str, Parameter] | None = None,
        objectives: Objectives | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        patience: int | None = None,
        min_improvement: float = 0.0,
        class_weight: Mapping[int, float] | None = None,
        callbacks: Callbacks | None = None,
        fidelity: Fidelity | tuple[int, int] | None = None,
        precision: str | None = None,
        memory_limit: int | str | None = None,
        keep_weights: int = 1,
        verbose: int = 0,
    ) -> None:
        require_keras()
        self._set_builder(build, space, objectives)
        self.fidelity = _epochs_range(self.fidelity if fidelity is None else fidelity)
        self.schedule = Schedule(
            epochs, batch_size, patience, min_improvement, class_weight, verbose
        )
        for value, name, least in ((keep_weights, "keep_weights", 0), (repeats, "repeats", 1)):
            check_count(value, name, least)
        if folds is not None:
            check_count(folds, "folds", 2)
        if precision is not None and precision not in PRECISIONS:
            raise UnknownNameError("precision", str(precision), PRECISIONS)
        if callbacks is not None and not callable(callbacks):
            raise SettingError(
                "callbacks must be a function that gives fresh ones to each trial, but got "
                f"{callbacks!r}: write callbacks=lambda config, trial: [...]"
            )
        self.keep_weights, self.callbacks = keep_weights, callbacks
        self.repeats, self.precision = repeats, precision
        self.memory_limit = None if memory_limit is None else bytes_of(memory_limit, "memory_limit")
        check_problem(self)
        self.source = source_of(
            x,
            y,
            self.space,
            validation_data=validation_data,
            validation_split=validation_split,
            folds=folds,
        )
        self._check_together()
        self._check_network()

    def build(self, config: Config) -> Any:
        """Make the network of a config; a subclass may write it in place of the argument `build`.

        Returns
        -------
        keras.Model
            Compiled; or not, where `compile_settings` says how.
        """
        made: Any = self._maker
        return made.build(config) if isinstance(made, Builder) else made(config)

    def compile_settings(self, config: Config) -> Mapping[str, Any]:
        """Give what ``model.compile`` gets where `build` returns a model that is not compiled."""
        return {}

    def evaluate(self, config: Config, trial: TrialHandle) -> Mapping[str, float]:
        """Train the network of a config.

        Returns
        -------
        mapping of str to float
            All that the model reported in its best epoch, and ``parameters`` (the number of
            weights), ``epochs`` (trained), ``best_epoch``. The means of these with several folds
            or repeats, and the deviation of each objective, ``val_loss_std``.
        """
        if self.memory_limit is not None:
            estimate = self.estimate_memory(config)
            if estimate.total > self.memory_limit:
                raise MemoryLimitExceeded(
                    f"training this network would take an estimated {estimate}, more than the "
                    f"memory_limit of {in_units(self.memory_limit)}: it was not started"
                )
        recipe = Recipe(
            compiled=self._compiled,
            source=self.source,
            schedule=self.schedule,
            objectives=objectives_of(self),
            repeats=self.repeats,
            fidelity=self.fidelity,
            precision=config.get("precision", self.precision),
            callbacks=self.callbacks,
            keep_weights=self.keep_weights,
        )
        with fresh_session(trial.seed, recipe.precision) as keras:
            return train_trial(keras, recipe, config, trial)

    def estimate_memory(self, config: Config) -> MemoryEstimate:
        """Estimate the memory that training the network of a config takes, without training it.

        A builder's network is not even made: its shapes alone are. See `memory_of`.
        """
        batch_size, copied = self.schedule.of(config, None).batch_size, self.keep_weights > 0
        keras = import_keras()
        with precision_of_layers(keras, config.get("precision", self.precision)):
            if isinstance(self._maker, Builder) and self._builds_itself:
                return memory_of_config(self._maker, config, batch_size, copied=copied)
            estimate = memory_of(self._compiled(keras, config), batch_size, copied=copied)
        gc.collect()  # the model, a cycle of objects
        return estimate

    def load_model(self, config: Config, directory: Path | str) -> Any:
        """Give a trained model back.

        Parameters
        ----------
        config : dict
            The trial's.
        directory : path
            The trial's folder.

        Returns
        -------
        keras.Model
            Compiled, with the weights of the trial's best epoch (of its best run, where it had
            several).

        Raises
        ------
        SettingError
            The trial kept no weights: only the best `keep_weights` of a study do.
        """
        keras = import_keras()
        with precision_of_layers(keras, config.get("precision", self.precision)):
            model = self._compiled(keras, config)
            split = self.source.split(config, 0)
            if not model.built:
                model(first_input(split.training))
        schedule_rate(model, config, self.schedule.of(config, None), self.fidelity, split)
        build_optimizer(model)
        load_weights(model, directory)
        return model

    @property
    def training(self) -> Rows:
        """The examples to train on, of the first split: arrays only."""
        return self._arrays.splits[0][0]

    @property
    def validation(self) -> Rows | None:
        """The examples to validate on, of the first split: arrays only."""
        return self._arrays.splits[0][1]

    @property
    def _arrays(self) -> ArraySource:
        if not isinstance(self.source, ArraySource):
            raise ProblemError(
                "the examples must be arrays to be given as such, but this problem's depend on "
                "its config, or are a dataset"
            )
        return self.source

    @property
    def _builds_itself(self) -> bool:
        """Whether the networks are those of the argument `build`."""
        return type(self).build is KerasProblem.build

    def _set_builder(
        self, build: Any, space: Space | Mapping[str, Parameter] | None, objectives: Any
    ) -> None:
        """Take over what makes the networks, and with it a space and objectives."""
        own = type(self).build is not KerasProblem.build
        if build is None and not own:
            raise ProblemError(
                f"{type(self).__name__} needs something to build networks, but got none: give "
                "build=DenseBuilder(...) or a function of a config, or write the method build"
            )
        if build is not None and not isinstance(build, Builder) and not callable(build):
            raise ProblemError(
                "build must be a builder, or a function of a config that gives a Keras model, but "
                f"got {build!r}"
            )
        self._maker = build
        if isinstance(build, Builder):
            self.space = build.space if space is None else build.space_with(space)
            if type(self).objectives is KerasProblem.objectives:
                self.objectives = build.objective
        elif space is not None:
            self.space = space if isinstance(space, Space) else Space(space)
        self.objectives = objectives_by_name(self.objectives if objectives is None else objectives)

    def _compiled(self, keras: Any, config: Config) -> Any:
        """Give the compiled network of a config."""
        model = self.build(config)
        name = f"{type(self).__name__}.build" if self._maker is None else "build"
        check_is_model(keras, model, name)
        if not model.compiled:
            settings = self.compile_settings(config)
            if not settings:
                raise ProblemError(
                    f"{name} must return a compiled model, but this one is not: call "
                    f"model.compile(...), or write {type(self).__name__}.compile_settings(config)"
                )
            model.compile(**settings)
        return model

    def _check_together(self) -> None:
        """Raise where settings exclude one another, or data do not fit the builder."""
        if self.fidelity is not None and "epochs" in self.space:
            raise ProblemError(
                "epochs must be a fidelity or a parameter of the space, but got both: leave one out"
            )
        unmeasured = [o.name for o in objectives_of(self) if o.name.startswith("val_")]
        if not self.source.is_validated and unmeasured:
            raise ProblemError(
                f"objective {unmeasured[0]!r} needs examples to validate on, but there are none: "
                "give validation_data or a validation_split"
            )

    def _check_network(self) -> None:
        """Raise where the data do not fit the network, or `build` makes none.

        A builder knows by itself. Anything else is tried with one config; an error in it is left
        to the trials, as other configs may do.
        """
        config = self.space.sample(1, seed=0)[0]
        split = self.source.split(config, 0)
        found = [first_batch(split.training), None]
        if split.validation is not None:
            found[1] = first_batch(split.validation)
        if isinstance(self._maker, Builder) and self._builds_itself:
            self._fit_builder(self._maker, found)
            return
        keras = import_keras()
        with precision_of_layers(keras, config.get("precision", self.precision)):
            try:
                model = self._compiled(keras, config)
            except ProblemError:
                raise
            except Exception:
                return
        if isinstance(split.training, Rows):
            check_fits(model, split.training.x, split.training.y)
        del model
        gc.collect()

    def _fit_builder(self, builder: Builder, found: Sequence[tuple[Any, Any] | None]) -> None:
        names = (("x", "y"), ("validation x", "validation y"))
        if isinstance(self.source, ArraySource):
            builder.check_data(self.training.x, self.training.y)
            if self.validation is not None:
                builder.check_data(self.validation.x, self.validation.y, names[1])
            self._maker = builder.fitted(self.source.everything)
            return
        for batch, called in zip(found, names, strict=True):
            if batch is not None:
                builder.check_data(*batch, called)


def _epochs_range(fidelity: Fidelity | tuple[int, int] | None) -> Fidelity | None:
    """Give a range of epochs, checked."""
    if isinstance(fidelity, tuple | list) and len(fidelity) == 2:
        for bound in fidelity:
            check_count(bound, "a bound of fidelity", 1)
        fidelity = Fidelity(*fidelity, "epochs")
    if fidelity is not None and (not isinstance(fidelity, Fidelity) or fidelity.name != "epochs"):
        raise ProblemError(
            "fidelity must be a range of epochs, as (1, 27) or Fidelity(1, 27, 'epochs'), but got "
            f"{fidelity!r}"
        )
    return fidelity
