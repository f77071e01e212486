"""`cv_results_`: what scikit-learn's users read of a search, from the trials of a study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from hpopt.core import Trial
from hpopt.problems.sklearn import SklearnProblem
from hpopt.problems.sklearn.splits import SplitScores

INFO = "splits"


@dataclass(frozen=True)
class Candidate:
    """One trial as a row of `cv_results_`: its parameters, and the scores of its splits."""

    trial: Trial
    parameters: dict[str, Any]
    scores: SplitScores

    @property
    def is_whole(self) -> bool:
        """Whether nothing cut it short: it was fitted on all splits that it was to be."""
        return self.trial.status != "stopped"


def candidates_of(problem: SklearnProblem, trials: Sequence[Trial]) -> list[Candidate]:
    """Return the trials of a study as candidates, by number."""
    n_splits = len(problem.splits.pairs)
    return [
        Candidate(trial, problem.parameters(trial.config, trial.solution), _scores(trial, n_splits))
        for trial in trials
    ]


def _scores(trial: Trial, n_splits: int) -> SplitScores:
    data = trial.info.get(INFO)
    if isinstance(data, Mapping):
        return SplitScores.of_data(data)
    # All its fits failed, or it met a limit: each counts as one that failed.
    error = trial.traceback or f"{trial.status}: {trial.error}\n"
    times = [trial.seconds / n_splits] * n_splits
    errors = dict.fromkeys(range(n_splits), error)
    return SplitScores(fit_time=times, score_time=[0.0] * n_splits, errors=errors)


def cv_results(
    problem: SklearnProblem, candidates: Sequence[Candidate], columns: Any
) -> dict[str, Any]:
    """Return `cv_results_`.

    Of a candidate that was stopped, or had a lower fidelity, what is not known or cannot be
    compared is masked, and it ranks after those that were fitted to the end.

    Parameters
    ----------
    columns : callable
        scikit-learn's own: from parameters, the number of splits, and what each fit gave.
    """
    settings, n_splits = problem.settings, len(problem.splits.pairs)
    names = _names(candidates)
    seen = [min(len(each.scores), n_splits) for each in candidates]
    fits = []
    for each in candidates:
        for place in range(n_splits):
            # Splits that were not reached get a number for now, and are masked below.
            at = min(place, len(each.scores) - 1)
            fit = {
                "fit_time": each.scores.fit_time[at],
                "score_time": each.scores.score_time[at],
                "test_scores": _at(each.scores.test, names, at, settings.error_score),
            }
            if settings.return_train_score:
                # Of an earlier run of the study that did not ask for them, they are not known.
                has_failed = at in each.scores.errors
                unknown = settings.error_score if has_failed else math.nan
                fit["train_scores"] = _at(each.scores.train, names, at, unknown)
            fits.append(fit)
    parameters = [each.parameters for each in candidates]
    results: dict[str, Any] = columns(parameters, n_splits, fits)
    if problem.fidelity is not None:
        results["n_resources"] = np.array([each.trial.reached for each in candidates])
    is_final = _are_final(problem, candidates)
    if not is_final.all() or any(n < n_splits for n in seen):
        results["status"] = np.array([each.trial.status for each in candidates], dtype=object)
        _mask(results, np.array(seen), is_final, n_splits)
    return results


def _names(candidates: Sequence[Candidate]) -> list[str] | None:
    """Return the names of several scores, None for one."""
    known = next((list(each.scores.test) for each in candidates if each.scores.test), ["score"])
    return None if known == ["score"] else known


def _at(scores: Mapping[str, list[float]], names: list[str] | None, at: int, error: Any) -> Any:
    failed = math.nan if error == "raise" else error
    if names is None:
        return scores["score"][at] if scores else failed
    return {name: scores[name][at] if scores else failed for name in names}


def _are_final(problem: SklearnProblem, candidates: Sequence[Candidate]) -> Any:
    """Return which candidates can be compared: to the end, at the highest fidelity of any."""
    whole = np.array([each.is_whole for each in candidates])
    if problem.fidelity is None:
        return whole
    reached = np.array([each.trial.reached or 0.0 for each in candidates])
    have_values = np.array([each.trial.ok for each in candidates])
    highest = reached[whole & have_values].max(initial=0.0)
    return whole & (reached >= highest)


def _mask(results: dict[str, Any], seen: Any, is_final: Any, n_splits: int) -> None:
    for key in list(results):
        if key.startswith("split"):
            number = int(key[len("split") : key.index("_")])
            results[key] = np.ma.masked_array(results[key], mask=seen <= number)
        elif key.startswith(("mean_", "std_")) and key.endswith("_time"):
            continue  # of some fits as of all: they are as long
        elif key.startswith(("mean_", "std_")):
            results[key] = np.ma.masked_array(results[key], mask=~is_final)
        elif key.startswith("rank_"):
            means = results["mean_" + key[len("rank_") :]]
            results[key] = _ranks(np.ma.getdata(means), is_final)


def _ranks(means: Any, is_final: Any) -> Any:
    """Return ranks: of those that can be compared by their means, all others last."""
    losses = np.where(is_final & np.isfinite(means), -means, np.inf)
    return rankdata(losses, method="min").astype(np.int32)
