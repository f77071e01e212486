"""Prepare a run: make and check everything that a run file asks for."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpopt.checks import whole
from hpopt.cli.problem import problem_of
from hpopt.cli.run_file import RunFile
from hpopt.core import Optimizer, Problem, objectives_of, start_configs
from hpopt.early_stopping import EarlyStoppingRule, check_objectives, make_early_stopping
from hpopt.errors import ConfigError, SettingError
from hpopt.executors import Limits, SerialExecutor, make_executor
from hpopt.optimizers import make_optimizer
from hpopt.space import Space
from hpopt.stopping import Plateau, StoppingRule, Target, Time, Trials
from hpopt.study import Study
from hpopt.study.continuation import KEEP_PAUSED, bytes_kept
from hpopt.study.opening import DEFAULT_OPTIMIZER

RULES: dict[str, Callable[[Any], StoppingRule]] = {
    "trials": Trials,
    "timeout": Time,
    "target": Target,
    "plateau": Plateau,
}
"""Keys of a run file that end a run; whichever comes first."""

SERIAL = "serial"
"""The executor in the settings of a run whose evaluations run in this process, one at a time."""


@dataclass(frozen=True)
class PreparedRun:
    """What a run needs; nothing of it has begun.

    Attributes
    ----------
    problem : Problem
    run_file : RunFile
    stop : StoppingRule or None
    settings : mapping
        How to run: what `Study.run` takes of it.
    """

    problem: Problem
    run_file: RunFile
    stop: StoppingRule | None
    settings: Mapping[str, Any]

    @property
    def seed(self) -> Any:
        """The seed; None to draw one, or to take that of the study."""
        return self.run_file.content.get("seed")

    @property
    def start(self) -> list[dict[str, Any]]:
        """The configs to try first."""
        return list(self.run_file.content.get("start", []))

    @property
    def keep_paused(self) -> Any:
        """How much of the disk the files of paused trials may take."""
        return keep_paused_of(self.run_file.content)

    def optimizer(self) -> Optimizer | None:
        """Make the optimizer; None to take the default one, or that of the study."""
        name = self.run_file.optimizer_name
        return None if name is None else make_optimizer(name, self.run_file.optimizer_arguments)

    def check_new(self, *, runs: bool = True) -> None:
        """Raise an error where a new study could not begin: before its file is made."""
        optimizer = self.optimizer() or make_optimizer(DEFAULT_OPTIMIZER)
        optimizer.bind(self.problem, start=self.start)
        if runs:
            self.check_end(optimizer)
        for path in self.run_file.learn_from:
            Study.load(path)

    def check_end(self, optimizer: Optimizer) -> None:
        """Raise SettingError where the run would have no end."""
        if self.stop is None and math.isinf(optimizer.n_possible):
            raise SettingError(
                "a run must have an end, and this space has none: give trials, timeout, target or "
                "plateau in the run file, or --trials or --timeout"
            )


def prepare(run_file: RunFile, *, runs: bool = True) -> PreparedRun:
    """Make and check all that a run file asks for, the problem last, which may take long.

    Where it only says what is searched, and nothing `runs`, the settings have the rule of early
    stopping alone.
    """
    content = run_file.content
    stop = rule_of(content)
    settings = _settings(content) if runs else {"early_stopping": early_rule_of(content)}
    if run_file.optimizer_name is not None:
        make_optimizer(run_file.optimizer_name, run_file.optimizer_arguments)
    prepared = PreparedRun(problem_of(run_file), run_file, stop, settings)
    bytes_kept(prepared.keep_paused)
    _check_start(prepared.start, prepared.problem.space)
    check_objectives(settings["early_stopping"], objectives_of(prepared.problem))
    return prepared


def rule_of(content: Mapping[str, Any]) -> StoppingRule | None:
    """Return the rule that ends a run as a run file says; None where it says nothing."""
    rules = [make(content[key]) for key, make in RULES.items() if key in content]
    return functools.reduce(operator.or_, rules) if rules else None


def keep_paused_of(content: Mapping[str, Any]) -> Any:
    """Return how much of the disk a run file lets the files of paused trials take."""
    given = content.get("keep_paused", KEEP_PAUSED)
    return None if given == "all" else given


def _check_start(start: Sequence[Mapping[str, Any]], space: Space) -> None:
    for number, config in enumerate(start, 1):
        try:
            start_configs([config], space, seed=0)
        except ConfigError as error:
            raise ConfigError(f"[[start]] number {number}: {error}") from error


def _settings(content: Mapping[str, Any]) -> dict[str, Any]:
    runner = {
        "executor": content.get("executor"),
        "workers": content.get("workers"),
        "limits": Limits(**content["limits"]) if "limits" in content else None,
        "gpus": content.get("gpus"),
        "trials_per_gpu": content.get("trials_per_gpu", 1),
    }
    executor, _ = make_executor(**runner)  # made once, so that wrong settings end the command now
    executor.shutdown()
    if isinstance(executor, SerialExecutor):
        runner["executor"] = SERIAL
    window, fail_fast = content.get("window"), content.get("fail_fast")
    return {
        **runner,
        "window": None if window is None else whole("window", window, 1),
        "retries": whole("retries", content.get("retries", 1), 0),
        "fail_fast": None if fail_fast is None else whole("fail_fast", fail_fast, 0),
        "early_stopping": early_rule_of(content),
    }


def early_rule_of(content: Mapping[str, Any]) -> EarlyStoppingRule | None:
    """Return the rule of early stopping of a run file; None where it has none."""
    asked = content.get("early_stopping")
    if not isinstance(asked, Mapping):
        return make_early_stopping(asked)
    if "name" not in asked:
        raise SettingError('[early_stopping] must have a name, such as name = "median"')
    return make_early_stopping(asked["name"], {k: v for k, v in asked.items() if k != "name"})
