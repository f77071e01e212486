"""The splits of a search's data, and what the fits on them gave."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.core.plain import MOST_INFO
from hpopt.errors import ProblemError
from hpopt.problems.sklearn.fitting import Fit, Scores

SCORE = "score"  # what scikit-learn calls the only score
CHARACTERS = 25  # of a score or of seconds in JSON
MOST_ERROR = 5_000  # characters of a traceback that are kept for each split: some deep ones


@dataclass(frozen=True)
class Splits:
    """Pairs of rows to train on and to test on, made once for all configs."""

    pairs: list[tuple[Any, Any]]

    @classmethod
    def of(cls, cv: Any, X: Any, y: Any, params: Mapping[str, Any]) -> Splits:
        """Return the splits of a splitter.

        Raises
        ------
        ValueError
            There are none, or not as many as it says.
        """
        said = cv.get_n_splits(X, y, **params)
        pairs = list(cv.split(X, y, **params))
        if len(pairs) != said:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {said} splits, got {len(pairs)}"
            )
        if not pairs:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        return cls([(_numbers(train), _numbers(test)) for train, test in pairs])

    def check_number(self, n_scores: int) -> None:
        """Raise ProblemError where there are more splits than a trial can keep the scores of."""
        most = MOST_INFO // (CHARACTERS * (n_scores + 2))
        if len(self.pairs) > most:
            raise ProblemError(
                f"cv must have at most {most} splits with {n_scores} scores each, as a trial keeps "
                f"all of them, but has {len(self.pairs)}: use fewer, as KFold(100)"
            )

    @property
    def most_rows(self) -> int:
        """How many rows the largest split has to train on."""
        return max(len(train) for train, _ in self.pairs)


def _numbers(rows: Any) -> Any:
    found = np.asarray(rows)
    return np.flatnonzero(found) if found.dtype == bool else found


@dataclass
class SplitScores:
    """What the fits of one trial gave, split by split.

    Attributes
    ----------
    test, train : mapping of str to list of float
        The scores by name; none where they were not asked for.
    errors : mapping of int to str
        Where the fits on some splits failed: the number of each split, and its traceback.
    """

    test: dict[str, list[float]] = field(default_factory=dict)
    train: dict[str, list[float]] = field(default_factory=dict)
    fit_time: list[float] = field(default_factory=list)
    score_time: list[float] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    first_error: BaseException | None = None
    unscored: list[BaseException] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.fit_time)

    @property
    def failure(self) -> BaseException | None:
        """What the first fit failed by, if all have failed; else None."""
        return self.first_error if len(self.errors) == len(self) else None

    def add(self, fit: Fit, error_score: Any, before: SplitScores | None = None) -> None:
        """Add what the next split gave, with the seconds that were spent before on the same."""
        place = len(self)
        if fit.error is not None:
            self.errors[place] = (fit.traceback or "")[-MOST_ERROR:]
            self.first_error = self.first_error or fit.error
        if fit.unscored is not None:
            self.unscored.append(fit.unscored)
        # Of fits that failed before one did not, the names of the scores were not known.
        _add(self.test, fit.test, place, error_score)
        if fit.train is not None or self.train:
            _add(self.train, fit.train, place, error_score)
        known = before is not None and place < len(before)
        spent = before.fit_time[place] if before is not None and known else 0.0
        self.fit_time.append(spent + fit.fit_time)
        self.score_time.append(fit.score_time)

    def means(self, names: Sequence[str], n: int) -> dict[str, float]:
        """Return the mean test scores of the first n splits, as far as they are known."""
        by_name = named(self.test, names)
        return {name: _mean(by_name[name][:n]) for name in names if name in by_name}

    def values(
        self, names: Sequence[str], *, is_stopped: bool, forecast: float | None
    ) -> dict[str, Any]:
        """Return the values of the trial, and what each split gave, for its info."""
        by_name = named(self.test, names)
        values: dict[str, Any] = {name: _mean(scores) for name, scores in by_name.items()}
        values |= {f"{name}_std": float(np.std(scores)) for name, scores in by_name.items()}
        # Easy folds may come first: a trial that was stopped is not as good as they say.
        if is_stopped and forecast is not None:
            values[names[0]] = forecast
        return values | {"splits": self._as_data()}

    def _as_data(self) -> dict[str, Any]:
        return {
            "test": {name: _without_nan(scores) for name, scores in self.test.items()},
            "train": {name: _without_nan(scores) for name, scores in self.train.items()},
            "fit_time": self.fit_time,
            "score_time": self.score_time,
            "errors": {str(place): text for place, text in self.errors.items()},
        }

    def write(self, path: Path) -> None:
        """Write them for a later trial of the config, which goes on with the next split."""
        path.write_text(json.dumps(self._as_data()), encoding="utf-8")

    @classmethod
    def read(cls, path: Path | None) -> SplitScores:
        """Return what an earlier trial has written; nothing, where there is none."""
        if path is None or not path.is_file():
            return cls()
        return cls.of_data(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> SplitScores:
        """Return what a trial's info has of its splits."""
        return cls(
            test={name: _with_nan(scores) for name, scores in data["test"].items()},
            train={name: _with_nan(scores) for name, scores in data["train"].items()},
            fit_time=[float(each) for each in data["fit_time"]],
            score_time=[float(each) for each in data["score_time"]],
            errors={int(place): str(text) for place, text in data["errors"].items()},
        )


def named(scores: Mapping[str, list[float]], names: Sequence[str]) -> dict[str, list[float]]:
    """Return scores by the names of a problem's objectives.

    A scorer that is a function may return several where one was expected: then the first one is
    the score.
    """
    found = dict(scores)
    if list(names) == [SCORE] and SCORE not in found and found:
        found[SCORE] = next(iter(found.values()))
    return found


def _add(scores: dict[str, list[float]], given: Scores | None, place: int, error: Any) -> None:
    failed = math.nan if error == "raise" else float(error)
    new = {} if given is None else given if isinstance(given, dict) else {SCORE: given}
    for name in new:
        scores.setdefault(name, [failed] * place)
    for name, values in scores.items():
        values.append(float(new.get(name, failed)))


def _mean(scores: Sequence[float]) -> float:
    return float(np.mean(scores))


def _without_nan(scores: Sequence[float]) -> list[float | None]:
    return [score if math.isfinite(score) else None for score in scores]


def _with_nan(scores: Sequence[float | None]) -> list[float]:
    return [math.nan if score is None else float(score) for score in scores]
