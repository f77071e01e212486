"""A problem whose configs are evaluated by training a network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Problem, constraints_of, objectives_of
from hpopt.core.trial import Config, Solution
from hpopt.problems.keras.data.sources import Source
from hpopt.problems.keras.memory_estimate import MemoryEstimate
from hpopt.problems.keras.network_factory import NetworkFactory
from hpopt.problems.keras.population.group import Entry, train_together
from hpopt.problems.keras.population.guessing import architecture_guess
from hpopt.problems.keras.population.size import Population
from hpopt.problems.keras.session import fresh_session, precision_of_layers
from hpopt.problems.keras.training.config import TrainingConfig
from hpopt.problems.keras.training.continuation import state_files
from hpopt.problems.keras.training.trial import TrialInputs, train_trial, trained_model


class TrainingProblem(Problem):
    """A problem whose configs are evaluated by training a network, alone or beside others."""

    source: Source
    training_config: TrainingConfig
    _networks: NetworkFactory
    _population: Population | None = None

    @abstractmethod
    def build(self, config: Config) -> Any:
        """Return the network of a config."""

    @abstractmethod
    def compile_settings(self, config: Config) -> Mapping[str, Any]:
        """Return the arguments of ``model.compile``, if `build` returns a model not compiled."""

    def evaluate(self, config: Config, trial: TrialHandle) -> Mapping[str, Any]:
        """Train the network of a config.

        A subclass may add values to the result, and name them as objectives.

        Returns
        -------
        mapping of str to float
            The values of the best epoch, and ``parameters`` (the number of weights), ``epochs``
            (trained), ``best_epoch``. With several folds or repeats their means, and the standard
            deviation of each objective (``val_loss_std``). And ``history``, for `Trial.info`: the
            values by name, as lists with a number for each epoch; with several folds or repeats a
            list of such.
        """
        if self._population is not None:
            # As in a group, so that values do not depend on how trials are grouped.
            (found,) = self.evaluate_batch([config], [trial])
            if isinstance(found, Exception):
                raise found
            return found
        entry = self._entry(config, trial)
        with fresh_session(trial.seed, entry.settings.precision) as keras:
            return train_trial(keras, entry.settings, entry.inputs, trial)

    def evaluate_batch(
        self, configs: Sequence[Config], trials: Sequence[TrialHandle]
    ) -> list[Mapping[str, Any] | Exception]:
        """Train the networks of several configs, side by side where `population` says so."""
        if self._population is None:
            raise NotImplementedError("networks train side by side with population=K only")
        entries: list[Entry | Exception] = []
        for config, trial in zip(configs, trials, strict=True):
            try:
                entries.append(self._entry(config, trial))
            except Exception as error:  # its memory is above the limit
                entries.append(error)
        with fresh_session(trials[0].seed, self.training_config.precision) as keras:
            ready = [each for each in entries if isinstance(each, Entry)]
            results = iter(train_together(keras, self._population, ready, self.space))
        return [next(results) if isinstance(each, Entry) else each for each in entries]

    def batch_key(self, solution: Solution) -> Hashable:
        """Return what is equal for solutions whose networks probably have one architecture."""
        return architecture_guess(solution, self.fidelity, self.space)

    def estimate_memory(self, config: Config) -> MemoryEstimate:
        """Estimate the memory that training the network of a config takes; see `memory_of`.

        The network is not trained, and that of a builder is not even allocated.
        """
        batch_size = self.training_config.fit.of(config).batch_size
        copied = self.training_config.keep_weights != 0
        with self._precision_of_layers(config):
            return self._networks.memory(config, batch_size, self._compiled, copied=copied)

    def load_model(self, config: Config, directory: Path | str) -> Any:
        """Return a trained model.

        Parameters
        ----------
        config : dict
            The trial's.
        directory : path
            The trial's folder.

        Returns
        -------
        keras.Model
            Compiled, with the weights of the trial's best epoch (of its best run, if it had
            several).

        Raises
        ------
        SettingError
            The trial kept no weights: see `keep_weights`.
        """
        data = self.source.split(config, 0)
        with self._precision_of_layers(config):
            model = self._compiled(config)
            return trained_model(model, self._settings(config), config, data, directory)

    def state_files(self, directory: Path) -> Iterable[Path]:
        """Return the files of a trial's training; kept weights are none of them."""
        return state_files(directory)

    def _settings(self, config: Config) -> TrainingConfig:
        # Objectives, constraints and fidelity may be set after the problem is made.
        return replace(
            self.training_config,
            objectives=objectives_of(self),
            constraints=constraints_of(self),
            fidelity=self.fidelity,
            precision=config.get("precision", self.training_config.precision),
        )

    def _entry(self, config: Config, trial: TrialHandle) -> Entry:
        settings = self._settings(config)
        # Before the session, which it would disturb.
        costs = settings.memory_costs(partial(self.estimate_memory, config))
        return Entry(settings, TrialInputs(config, self._compiled, self.source, costs), trial)

    def _compiled(self, config: Config) -> Any:
        with self._precision_of_layers(config):
            model = self.build(config)
            return self._networks.compiled(model, partial(self.compile_settings, config))

    def _precision_of_layers(self, config: Config) -> AbstractContextManager[None]:
        return precision_of_layers(self._settings(config).precision)
