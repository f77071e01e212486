"""A problem that trains Keras models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from hpopt.core.amounts import parse_bytes
from hpopt.core.constraint import Constraints, normalised_constraints
from hpopt.core.objective import Objective
from hpopt.core.objective import Objectives as ClassObjectives
from hpopt.core.problem import Fidelity, check_problem, objectives_of
from hpopt.core.trial import Config
from hpopt.problems.keras.agreement import check_together
from hpopt.problems.keras.builders.builder import Builder
from hpopt.problems.keras.data.feeding import is_dataset
from hpopt.problems.keras.data.fingerprint import digest_of, fingerprint_of_data, methods_below
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.source_choice import make_source
from hpopt.problems.keras.data.sources import Steps, arrays_of
from hpopt.problems.keras.metrics import Objectives, objectives_by_name
from hpopt.problems.keras.network_factory import NetworkFactory
from hpopt.problems.keras.population.size import population_of
from hpopt.problems.keras.session import require_keras
from hpopt.problems.keras.training.checkpoints import Interval
from hpopt.problems.keras.training.config import Callbacks, TrainingConfig
from hpopt.problems.keras.training.fidelity import fidelity_of
from hpopt.problems.keras.training.fit import FitSettings
from hpopt.problems.keras.training_problem import TrainingProblem
from hpopt.space import Parameter, Space


class KerasProblem(TrainingProblem):
    """Search for the network that learns best from some data.

    Networks come from a builder (`DenseBuilder`, `ConvolutionalBuilder`, `RecurrentBuilder`), from
    a function of a config, or from a subclass that sets `space` and writes `build`. To classify
    images or tables use `Classifier`, which needs data only.

    When the problem is made, one network evaluates a few examples: a mistake in your functions,
    the data or the objectives is an error here, not in every trial.

    The values of a trial follow from its config and seed: on a CPU, with as many threads, they are
    the same to the bit in any process. They are those of its best epoch, by the first objective
    that the model reports in each epoch; the weights that are kept are of that epoch too. Entries
    ``epochs``, ``batch_size``, ``precision`` of a config win over the arguments here, and
    ``schedule`` is applied (`schedule_parameters`).

    Parameters
    ----------
    x, y : array-like (n, ...), or a list, tuple or dict of them
        Examples and their targets, finite numbers; `x` may hold texts too. Models with several
        inputs or outputs take several arrays, as ``fit`` does. Arrays are not copied but read
        batch by batch, so they may be memory maps, and worker processes share them. Without `y`,
        `x` holds the inputs of a model that computes its own loss; or it is a
        keras.utils.PyDataset, a tf.data.Dataset, a `TimeSeries` (cut into windows by a parameter
        ``look_back``), or a function of a config that returns (x, y), (x, y, sample_weight), a
        dataset or a generator.
    build : Builder or callable, optional
        Makes the compiled network of a config. Its own space and objective are the problem's.
    sample_weight : array-like (n,), or a list, tuple or dict of them, optional
        The weight of each example in the loss, in validation too.
    validation_data : (x, y) or (x, y, sample_weight), optional
        The examples for the ``val_`` metrics; or a dataset or function, as for `x`.
    validation_split : float, in [0, 1)
        Without `validation_data`, the part of the examples that is put aside for it: always the
        same ones, stratified by class (or by the size of a numeric target). 0 for no validation.
    folds : int of at least 2, splitter, or iterable of (training rows, validation rows), optional
        Cross-validation: a trial trains a network for each fold, validated on that fold, and its
        values are the means. A splitter has ``split(x, y, groups)``, as those of scikit-learn.
    groups : array-like (n,), optional
        The group of each example, for a splitter such as ``GroupKFold(5)``.
    repeats : int, at least 1
        How often a trial trains its networks, each time with another seed; values are the means.
    space : Space or mapping of str to Parameter, optional
        In place of the class's or the builder's space. A mapping replaces single parameters of a
        builder's.
    objectives : str, Objective, several, or mapping of str to direction, optional
        In place of the class's, by default ``val_loss``: metrics of the compiled model, by Keras'
        names, whose direction is known for the usual ones. Or what the network costs, all to be
        minimised: ``"parameters"`` (the number of weights), ``"memory"`` (the peak of training, in
        bytes, by `estimate_memory`), ``"model_bytes"`` (the size of its saved weights) and
        ``"latency"`` (to predict a batch, in seconds). Or what a subclass adds in `evaluate`.
    constraints : mapping of str to (operator, bound), or several Constraint, optional
        Bounds on values; what breaks one on a cost, ``{"latency": ("<=", 0.02)}``, is not trained.
    epochs : int, at least 1
        The most epochs.
    batch_size : int, at least 1
        Examples in a batch; datasets and generators have their own.
    steps_per_epoch, validation_steps : int, at least 1, optional
        Batches in an epoch, of datasets and generators; generators need them.
    patience : int, at least 1, optional
        Stop after this number of epochs without an improvement of more than `min_improvement`.
    min_improvement : float, at least 0
    class_weight : mapping of int to float, optional
        The weight of an example of each class in the loss.
    callbacks : callable, optional
        Called as ``callbacks(config, trial)`` for each training; returns new keras.callbacks.
    fidelity : (int, int), "folds", "samples", or Fidelity, optional
        The fewest and the most epochs of a trial, in place of `epochs`; or its trainings, of
        several folds or repeats; or the share of the examples that it trains on, by default from
        a tenth. `Fidelity(2, 5, "folds")` and `Fidelity(0.2, 1, "samples")` give the range. Later
        trials of a config go on where the earlier one ended; with more samples they train anew.
    schedule_restarts : sequence of int, optional
        The epochs after which the learning-rate schedule of a config begins anew.
    checkpoint_every : int, str or datetime.timedelta, optional
        Save a training after so many epochs or ``"5 min"``: a lost trial goes on from there.
    precision : str, optional
        That of the layers: ``"mixed_float16"``, ``"mixed_bfloat16"``, ``"float32"`` …
    memory_limit : int or str, optional
        Bytes, or text such as ``"4GB"``. A config whose training is estimated to take more is not
        trained: its trial is ``out_of_memory``. See `estimate_memory`.
    keep_weights : int, at least 0, optional
        How many of a study's best trials keep their weights, for `load_model`: by default one, or
        with several objectives the front, of which a number keeps ends and the widest gaps.
    latency_batch : int, at least 1
        How many examples the objective ``"latency"`` is of.
    population : int of at least 1, or "auto", optional
        Train so many networks of equal architecture as one computation, on JAX, of arrays; with
        ``"auto"`` where it pays. Those may differ in widths of dense and convolutional layers that
        the config has as whole numbers, where a narrow network inside a wider one (of 16, 64, 128,
        256 … units, or the most that there may be) trains as it does alone. Values are those of
        networks trained alone, but for rounding; they do not depend on the grouping. Each trial is
        trained so, also a single one. Other networks, those with `callbacks`, and all on other
        backends train one after another. A study then evaluates trials in groups of four for each
        place (`max_batch`, which may be set): one that has ended, by its patience, its fidelity or
        a rule of early stopping at a rung, gives its place to the next of its group. The rule knows
        what was known when the group was sent.
    verbose : int, 0 to 2
        Keras' own output. Each trial prints one line in any case.

    Raises
    ------
    SettingError
        The data or a setting is not valid.
    ProblemError, UnknownNameError
        The space, the objectives or the fidelity are not valid, or `build` makes no model (an
        exception in it is the cause), or one that does not report an objective.
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

    objectives: ClassObjectives = (Objective("val_loss", "minimize"),)

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        build: Builder | Callable[[Config], Any] | None = None,
        sample_weight: Any = None,
        validation_data: Any = None,
        validation_split: float = 0.2,
        folds: Any = None,
        groups: Any = None,
        repeats: int = 1,
        space: Space | Mapping[str, Parameter] | None = None,
        objectives: Objectives | None = None,
        constraints: Constraints = (),
        epochs: int = 10,
        batch_size: int = 32,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        patience: int | None = None,
        min_improvement: float = 0.0,
        class_weight: Mapping[int, float] | None = None,
        callbacks: Callbacks | None = None,
        fidelity: Fidelity | tuple[int, int] | str | None = None,
        schedule_restarts: Sequence[int] = (),
        checkpoint_every: int | str | timedelta | None = None,
        precision: str | None = None,
        memory_limit: int | str | None = None,
        keep_weights: int | None = None,
        latency_batch: int = 1,
        population: int | str | None = None,
        verbose: int = 0,
    ) -> None:
        require_keras()
        is_lenient = type(self).evaluate is not KerasProblem.evaluate
        is_overridden = type(self).build is not KerasProblem.build
        self._networks = NetworkFactory(build, type(self).__name__, is_overridden)
        own = self._networks.space(space, has_batches=is_dataset(x))
        if own is not None:
            self.space = own
        is_usual = type(self).objectives is KerasProblem.objectives
        usual = (self._networks.objective if is_usual else None) or self.objectives
        self.objectives = objectives_by_name(usual if objectives is None else objectives)
        self.constraints = normalised_constraints(constraints or self.constraints)
        given, self.fidelity = (self.fidelity if fidelity is None else fidelity), None
        fit = FitSettings(
            epochs, batch_size, patience, min_improvement, class_weight, verbose, schedule_restarts
        )
        interval = None if checkpoint_every is None else Interval.of(checkpoint_every)
        limit = None if memory_limit is None else parse_bytes(memory_limit, "memory_limit")
        self.training_config = TrainingConfig(
            fit,
            repeats=repeats,
            callbacks=callbacks,
            precision=precision,
            keep_weights=keep_weights,
            checkpoint_every=interval,
            memory_limit=limit,
            latency_batch=latency_batch,
            # Whether a subclass may add values to those of the training.
            is_lenient=is_lenient,
        )
        check_problem(self)
        self.source = make_source(
            x,
            y,
            self.space,
            validation_data=validation_data,
            validation_split=validation_split,
            folds=folds,
            groups=groups,
            sample_weight=sample_weight,
            steps=Steps(steps_per_epoch, validation_steps),
        )
        self.fidelity = fidelity_of(given, self.source, repeats)
        check_together(self.source, self.space, objectives_of(self), self.fidelity, fit)
        size = population_of(population, self.source, has_own_evaluation=is_lenient)
        if size is not None:
            self._population, self.max_batch = size, size.max_batch
            self.n_side_by_side = size.n_side_by_side
        # Last, as building a network takes seconds: other mistakes are reported before.
        reported = self._settings({}).reported
        self._networks.check(self.source, self.space, self._compiled, reported)

    def build(self, config: Config) -> Any:
        """Return the network of a config; a subclass may write this instead of passing `build`.

        Returns
        -------
        keras.Model
            Compiled, unless `compile_settings` has the arguments.
        """
        return self._networks.make(config)

    def compile_settings(self, config: Config) -> Mapping[str, Any]:
        """Return the arguments of ``model.compile``, if `build` returns a model not compiled."""
        return {}

    def fingerprint(self) -> Mapping[str, str]:
        """Return digests of the data and of all settings that decide the values of a config.

        Functions and subclasses count by their source, without comments. Of arrays above 256 MB
        evenly spaced blocks are read.
        """
        methods = methods_below(KerasProblem, type(self))
        return {
            **fingerprint_of_data(self.source),
            "build": digest_of(self._networks.given, methods),
            **self._settings({}).fingerprint(),
        }

    @property
    def training(self) -> Rows:
        """The examples to train on, of the first split: arrays only."""
        return arrays_of(self.source).splits[0][0]

    @property
    def validation(self) -> Rows | None:
        """The examples to validate on, of the first split: arrays only."""
        return arrays_of(self.source).splits[0][1]
