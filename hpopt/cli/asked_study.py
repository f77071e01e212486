"""A study for one command that asks or tells it: opened, taken up where it was, and closed."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from hpopt.cli.prepare import RULES, early_rule_of, keep_paused_of, prepare, rule_of
from hpopt.cli.problem import problem_of
from hpopt.cli.run_file import RunFile
from hpopt.core import Problem
from hpopt.errors import (
    SpaceError,
    StudyError,
    StudyFileError,
    StudyLockedError,
    StudyWarning,
)
from hpopt.problems import ExternalProblem
from hpopt.space import Space
from hpopt.stopping import StoppingRule, Time
from hpopt.storage import writer_of
from hpopt.study import Study
from hpopt.study.metadata import constraints_in, fidelity_in, objectives_in

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds to wait for others who ask and tell: each takes one or two, and some may queue."""

PAUSE = 0.02  # seconds, as between the tries of the lock itself

ENDS = RULES.keys() - {"timeout"}
"""Keys of a run file that end asking. A limit of time is one of a run, and nothing runs here."""


class _StoredProblem(ExternalProblem):
    """What a study file says of a problem whose own code names the files it goes on from."""

    def state_files(self, directory: Path) -> tuple[Path, ...]:
        """Return none: only the problem itself may have files removed."""
        return ()


@contextlib.contextmanager
def opened(path: str, file: str | None, patience: float) -> Iterator[Study]:
    """Open a study, also one that begins; wait so many seconds for who writes it meanwhile."""
    study = patiently(lambda: _begun(path, file) if file else _stored(path), path, patience)
    try:
        yield study
    finally:
        study.close()


def patiently(work: Callable[[], T], path: str, patience: float) -> T:
    """Do what needs the study's lock, again and again until it is free or the time is over."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return work()
        except StudyLockedError:  # which was raised after some tries
            if time.monotonic() >= deadline:
                raise
        except StudyFileError:
            # Somebody may have made the file this moment, and write its header now.
            if writer_of(path) is None or time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE)


def rule_of_study(study: Study) -> StoppingRule:
    """Return what ends asking, as the study's run file says."""
    content = _run_content(study.header)
    rule = rule_of({key: content[key] for key in ENDS if key in content})
    return rule or Time(float("inf"))


def _begun(path: str, file: str) -> Study:
    """Open the study of a run file, which is made where there is none."""
    run_file = RunFile.read(Path(file), needs_problem=False).overridden({"study": path})
    prepared = prepare(run_file, runs=False)
    rule, early_rule = prepared.stop, prepared.settings["early_stopping"]
    is_new = not Path(path).exists()
    if is_new:
        prepared.check_new(runs=False)
    study = Study(
        prepared.problem,
        prepared.optimizer(),
        path=path,
        seed=prepared.seed,
        start=prepared.start,
        about=run_file.about(),
        keep_paused=prepared.keep_paused,
    )
    try:
        for source in run_file.learn_from:
            learned = study.learn_from(source)
            if is_new and not learned.n_learned:
                warnings.warn(str(learned), StudyWarning, stacklevel=2)
        if rule is not None and 1 <= rule.total() < float("inf"):
            study.expect(int(rule.total()))
        if early_rule is not None:
            study.use_early_stopping(early_rule)
    except BaseException:
        study.close()
        raise
    return study


def _stored(path: str) -> Study:
    """Open a study by what its file says, without any code of its problem where that will do."""
    if not Path(path).exists():
        raise StudyError(
            f"a study must exist to be asked and told, but there is no {path}: begin it from a "
            f"run file, with hpopt ask {path} --file run.toml"
        )
    header = Study.load(path).header
    content = _run_content(header)
    study = Study(_problem_of(header, path), path=path, keep_paused=keep_paused_of(content))
    early_rule = early_rule_of(content)
    if early_rule is not None:
        study.use_early_stopping(early_rule)
    return study


def _problem_of(header: Mapping[str, Any], path: str) -> Problem:
    kind = ExternalProblem if header.get("problem") == _NAME else _StoredProblem
    try:
        space = Space.from_json(header["space"])
    except SpaceError as error:  # it forbids by a function, which only its own code has
        if "run" not in header:
            raise StudyError(
                f"a study must have a space that its file can hold to be asked here, but {path} "
                f"was made from Python, and {error}: ask it there, by Study.ask"
            ) from None
        return problem_of(RunFile.of_study(header, path, needs_problem=False))
    return kind(
        space,
        objectives=objectives_in(header),
        constraints=constraints_in(header),
        fidelity=fidelity_in(header),
    )


def _run_content(header: Mapping[str, Any]) -> Mapping[str, Any]:
    stored = header.get("run")
    content = stored.get("content") if isinstance(stored, Mapping) else None
    return content if isinstance(content, Mapping) else {}


_NAME = f"{ExternalProblem.__module__}.{ExternalProblem.__qualname__}"
