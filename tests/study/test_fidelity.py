"""Trials that are paused at a low fidelity, and continued at a higher one."""

import csv
import io
import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from halving import Curves, TwoRungs

import hpopt
from hpopt.cli.export import write_csv
from hpopt.errors import (
    ProblemError,
    SettingError,
    StudyFileError,
    StudyMismatchError,
    StudyWarning,
)
from hpopt.reports import summary, write
from hpopt.reports.digest import digest
from hpopt.storage import open_storage
from hpopt.study import Study
from hpopt.study.continuation import join

N = 18


class Misleading(hpopt.Problem):
    """The lowest fidelity gives far lower values than the highest."""

    space = hpopt.Space({"x": hpopt.Float(0, 1)})
    fidelity = hpopt.Fidelity(1, 9)

    def evaluate(self, config, trial):
        return config["x"] + trial.fidelity


def run(problem=None, trials=N, optimizer=None, **options):
    options = {"seed": 3, "progress": False, **options}
    return hpopt.optimize(problem or Curves(), optimizer or TwoRungs(), trials=trials, **options)


def essence(result):
    return [
        (
            t.number,
            t.config,
            t.solution.seed,
            t.solution.fidelity,
            dict(t.values),
            t.curve,
            t.parents,
        )
        for t in result.trials
    ]


def folders(path):
    return sorted(int(each.name) for each in Path(f"{path}.files").iterdir())


# -- the same search -----------------------------------------------------------------------------


def test_the_same_trials_at_any_number_of_workers(processes):
    expected = essence(run(window=3))
    assert {at for _, _, _, at, *_ in expected} == {2, 8}
    with ThreadPoolExecutor(2) as threads:
        found = run(Curves(delay=0.002), window=3, executor=threads, workers=2)
    assert essence(found) == expected
    found = run(Curves(delay=0.002), window=3, executor=processes, workers=3)
    assert essence(found) == expected


@pytest.mark.parametrize("proposer", ["random", "tpe", "menndl"])
def test_a_resumed_search_is_one_that_ran_through(path, proposer):
    expected = essence(run(optimizer=TwoRungs(proposer=proposer)))
    for trials in (4, 5, 12, N):
        found = run(trials=trials, study=path, optimizer=TwoRungs(proposer=proposer))
    assert essence(found) == expected
    assert {type(trial.solution.fidelity) for trial in found.trials} <= {int, float}


def test_what_was_asked_has_the_same_kind_of_fidelity_after_a_crash(path):
    study = Study(Curves(), TwoRungs(), path=path, seed=3)
    asked = study.ask()
    study.close()
    with Study(Curves(), TwoRungs(), path=path) as again:
        assert again.ask() == asked
        assert type(asked.fidelity) is int


def test_one_config_has_one_seed_and_rising_fidelities():
    trials = run().trials
    assert len(trials) == N
    reached = {}
    for trial in trials:
        key, solution = Curves.space.key(trial.config), trial.solution
        seed, fidelity = reached.get(key, (solution.seed, 0))
        assert (solution.seed, solution.fidelity > fidelity) == (seed, True)
        reached[key] = solution.seed, solution.fidelity
    assert len({seed for seed, _ in reached.values()}) == len(reached)


def test_seeds_follow_from_the_first_number_also_of_start_and_added_configs():
    plain = [t.solution.seed for t in run(Misleading(), optimizer=hpopt.RandomSearch()).trials]
    study = Study(Misleading(), TwoRungs(), seed=3, start=[{"x": 0.0}])
    study.add_trial({"x": 1.0}, 70.0)
    study.add_trial({"x": 1.0}, 80.0)
    study.run(trials=12, progress=False)
    trials = study.trials
    assert [trial.solution.seed for trial in trials[:4]] == [plain[k] for k in (0, 0, 2, 3)]
    (first, then) = [trial for trial in trials if trial.config == {"x": 0.0}]
    assert (first.number, first.solution.fidelity, then.solution.fidelity) == (2, 1, 9)
    assert first.solution.seed == then.solution.seed == plain[2]


# -- going on ------------------------------------------------------------------------------------


def test_a_continued_trial_is_one_that_was_trained_through():
    for trial in run().trials:
        if trial.solution.fidelity == 8:
            whole = hpopt.core.evaluate(Curves(), trial.solution)
            assert whole.values == trial.values
            assert whole.curve == trial.curve
            assert [step for step, _ in trial.curve] == [*range(1, 9)]


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_only_what_is_missing_is_evaluated(tmp_path, executor):
    log = tmp_path / "log"
    options = {} if executor == "serial" else {"workers": 2, "executor": executor}
    run(Curves(log=log), **options)
    lines = [tuple(map(int, line.split())) for line in log.read_text().splitlines()]
    assert len(lines) == N
    assert {(first, last) for _, first, last in lines} == {(1, 2), (3, 8)}


class Batches(Curves):
    max_batch = 3

    def evaluate_batch(self, configs, trials):
        return [self.evaluate(*pair) for pair in zip(configs, trials, strict=True)]


def test_batches_go_on_too(tmp_path):
    log = tmp_path / "log"
    options = {"window": 3, "workers": 1}
    assert essence(run(Batches(log=log), **options)) == essence(run(**options))
    assert {line.split()[1] for line in log.read_text().splitlines()} == {"1", "3"}


def test_who_reports_everything_anew_has_it_once():
    def trained(config, trial):
        for step in range(1, int(trial.fidelity) + 1):
            trial.report(step, config["x"] + 1 / step)
        return config["x"] + 1 / trial.fidelity

    problem = hpopt.FunctionProblem(trained, {"x": hpopt.Float(0, 1)}, fidelity=Curves.fidelity)
    for trial in run(problem).trials:
        assert [step for step, _ in trial.curve] == [*range(1, int(trial.solution.fidelity) + 1)]


def test_nan_and_failures_are_never_promoted():
    class Broken(Curves):
        def evaluate(self, config, trial):
            if config["kind"] == "b":
                return math.nan
            return super().evaluate(config, trial)

    trials = run(Broken(), trials=40).trials
    assert {trial.status for trial in trials if trial.config["kind"] == "b"} == {"invalid"}
    assert {t.solution.fidelity for t in trials if t.config["kind"] == "b"} == {2}
    assert {t.solution.fidelity for t in trials if t.config["kind"] == "a"} == {2, 8}


class Ending(Curves):
    """Half of the configs come to their end at step 2."""

    def evaluate(self, config, trial):
        trial.is_final = config["kind"] == "a" and trial.fidelity >= 2
        value = super().evaluate(config, trial)
        return value if not trial.is_final else config["x"] ** 2 - 100


@pytest.mark.parametrize("make", [hpopt.ASHA, hpopt.Hyperband, partial(hpopt.FreezeThaw, first=3)])
def test_what_has_come_to_its_end_is_complete(path, make):
    problem = Ending()
    problem.fidelity = hpopt.Fidelity(1, 9)
    result = run(problem, N, make(), study=path)
    final = {t.solution.seed: t for t in result.trials if t.reached != t.solution.fidelity}
    assert {trial.reached for trial in final.values()} == {9}
    for trial in result.trials:
        assert final.get(trial.solution.seed, trial).number >= trial.number  # none after it
    assert result.best.values["value"] == min(t.values["value"] for t in final.values())
    assert hpopt.Study.load(path).best == result.best
    with Study(problem, make(), path=path) as again:
        again.run(trials=1, progress=False)
        assert again.optimizer.best in {trial.number for trial in final.values()}
    assert not {*folders(path)} & {trial.number for trial in final.values()}


# -- what is left on disk --------------------------------------------------------------------------


def test_folders_are_those_of_paused_and_of_final_trials(path):
    trials = run(study=path).trials
    done = {trial.solution.seed for trial in trials if trial.solution.fidelity == 8}
    left = [t.number for t in trials if t.solution.fidelity == 8 or t.solution.seed not in done]
    assert folders(path) == left
    assert len(left) < N


def test_without_files_the_values_are_the_same(path, tmp_path):
    log = tmp_path / "log"
    found = run(Curves(log=log), study=path, keep_paused=0)
    assert essence(found) == essence(run())
    assert {line.split()[1] for line in log.read_text().splitlines()} == {"1"}
    assert folders(path) == [t.number for t in found.trials if t.solution.fidelity == 8]


def test_the_worst_are_removed_first(path):
    class Pausing(TwoRungs):
        def _promoted(self):
            return np.empty((0, self.space.d))

    problem = Curves(bytes_of_state=10**6)
    trials = run(problem, optimizer=Pausing(), study=path, keep_paused="3.5 MB").trials
    best_first = sorted(trials, key=lambda trial: trial.values["value"])
    assert {*folders(path)} == {trial.number for trial in best_first[:3]}


def test_nothing_paused_is_left_when_the_search_is_over(path):
    problem = Curves()
    problem.space = hpopt.Space({"x": hpopt.Int(0, 4), "kind": hpopt.Categorical(["a", "b"])})

    class OnlyTheBest(TwoRungs):
        def _promoted(self):
            points = super()._promoted()
            return points if self.history.fidelities[-1] < 8 else points[:0]

    result = run(problem, None, OnlyTheBest(), study=path)
    assert len({problem.space.key(trial.config) for trial in result.trials}) == 10
    assert result.reason == "all 10 configurations that there are have been tried"
    assert folders(path) == [t.number for t in result.trials if t.solution.fidelity == 8]


def test_what_the_strategy_drops_is_removed_at_once(path):
    class Forgetful(TwoRungs):
        def continuable(self, numbers):
            return super().continuable(numbers)[:1]

    trials = run(study=path, optimizer=Forgetful()).trials
    finals = {t.number for t in trials if t.solution.fidelity == 8}
    assert len({*folders(path)} - finals) <= 1


def test_what_a_killed_run_has_left_is_removed_by_the_next(path):
    run(study=path, trials=9)
    before = folders(path)
    gone = next(k for k in range(9) if k not in before)
    folder = Path(f"{path}.files")
    (folder / str(gone)).mkdir()
    (folder / str(gone) / "state").write_text("left")
    (folder / "notes").mkdir()  # not a trial's
    with Study(Curves(), TwoRungs(), path=path) as study:
        study.run(trials=1, progress=False)
    assert not (folder / str(gone)).exists()
    assert (folder / "notes").is_dir()


def test_a_problem_says_which_files_are_its_state(path):
    class Noted(Curves):
        def evaluate(self, config, trial):
            (trial.directory / "plots").mkdir()
            (trial.directory / "plots" / "a.txt").write_text("mine")
            return super().evaluate(config, trial)

        def state_files(self, directory):
            return [directory / "state"]

    trials = run(Noted(), study=path).trials
    root = Path(f"{path}.files")
    assert folders(path) == [*range(N)]
    done = {t.solution.seed for t in trials if t.solution.fidelity == 8}
    for trial in trials:
        replaced = trial.solution.fidelity == 2 and trial.solution.seed in done
        assert (root / str(trial.number) / "state").exists() != replaced


def test_what_was_stopped_early_is_bounded_too_and_not_gone_on_from(path):
    class Stopped(Curves):
        def evaluate(self, config, trial):
            assert trial.previous is None
            (trial.directory / "state").write_text("half")
            raise hpopt.Stopped(config["x"])

    trials = run(Stopped(), study=path, keep_paused=0).trials
    assert {trial.status for trial in trials} == {"stopped"}
    assert folders(path) == [t.number for t in trials if t.solution.fidelity == 8]


class Failing(hpopt.Problem):
    """Trials that leave a checkpoint, and fail."""

    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def __init__(self, error, fidelity=None):
        self.error, self.fidelity = error, fidelity

    def evaluate(self, config, trial):
        (trial.directory / "state").write_bytes(b"x" * 10**6)
        (trial.directory / "notes").write_text("mine")
        raise self.error

    def state_files(self, directory):
        return [path for path in directory.iterdir() if path.name == "state"]


def left_by(path):
    return sorted(int(each.parent.name) for each in Path(f"{path}.files").glob("*/state"))


@pytest.mark.parametrize("fidelity", [None, hpopt.Fidelity(1, 9)])
def test_checkpoints_of_failed_trials_are_bounded_too(path, fidelity):
    failing = Failing(RuntimeError("gone"), fidelity)
    options = {"optimizer": "random", "study": path, "fail_fast": 0}
    run(failing, 5, keep_paused="3 MB", **options)
    assert left_by(path) == [2, 3, 4]
    assert folders(path) == [0, 1, 2, 3, 4]  # what is not state stays
    run(failing, 6, keep_paused="2 MB", **options)
    assert left_by(path) == [4, 5]
    run(failing, 7, keep_paused=None, **options)
    assert left_by(path) == [4, 5, 6]


def test_those_of_a_retried_trial_are_its_own_business(path):
    failing = Failing(RuntimeError("gone"))
    options = {"optimizer": "random", "study": path, "fail_fast": 0, "keep_paused": "2 MB"}
    run(failing, 2, **options)
    failing.evaluate = lambda config, trial: float((trial.directory / "state").is_file())
    again = run(failing, 2, retry_failed=True, **options)
    assert [trial.values["value"] for trial in again.trials] == [1.0, 1.0]


def test_of_one_that_never_runs_again_no_checkpoint_stays(path):
    run(Failing(MemoryError()), 3, hpopt.RandomSearch(), study=path)
    assert left_by(path) == []


@pytest.mark.parametrize("wrong", ["much", -1, True, 5, "2"])
def test_a_limit_is_a_size(wrong):
    with pytest.raises(SettingError, match="keep_paused must be"):
        run(keep_paused=wrong)


# -- the best, and what is learned ----------------------------------------------------------------


def test_the_best_has_the_highest_fidelity(path):
    result = run(Misleading(), study=path)
    at_highest = [t for t in result.trials if t.solution.fidelity == 9]
    expected = min(at_highest, key=lambda trial: trial.values["value"])
    assert result.best == expected == hpopt.Study.load(path).best
    assert result.top(N)[: len(at_highest)] == sorted(
        at_highest, key=lambda trial: trial.values["value"]
    )
    with Study(Misleading(), TwoRungs(), path=path) as study:
        assert study.best == expected
        study.run(trials=1, progress=False)
        assert study.optimizer.best == study.best.number


def test_only_the_highest_fidelity_is_learned_from(path):
    result = run(Misleading(), study=path)
    n = sum(trial.solution.fidelity == 9 for trial in result.trials)
    study = Study(Misleading(), "tpe", seed=1)
    learned = study.learn_from(path)
    assert (learned.n_learned, learned.n_left_out) == (n, N - n)
    assert "of a lower fidelity than the best" in str(learned)
    assert study.optimizer.knowledge.losses.min() >= 9


# -- what is wrong is said -----------------------------------------------------------------------


def test_a_fidelity_has_a_low_and_a_high_end():
    with pytest.raises(ProblemError, match=r"0 < low <= high must hold .* low=9, high=3"):
        hpopt.Fidelity(9, 3)


@pytest.mark.parametrize(
    ("stored", "other"),
    [
        (None, hpopt.Fidelity(1, 9)),
        (hpopt.Fidelity(1, 9), None),
        (hpopt.Fidelity(1, 9), hpopt.Fidelity(1, 9, resumes=False)),
    ],
)
def test_a_study_goes_on_with_its_fidelity(path, stored, other):
    def problem(fidelity):
        found = Misleading()
        found.fidelity = fidelity
        found.evaluate = lambda config, trial: config["x"]
        return found

    run(problem(stored), 2, hpopt.RandomSearch(), study=path)
    with pytest.raises(StudyMismatchError, match=r"fidelity was (none|1 to 9 epochs) and is"):
        run(problem(other), 4, hpopt.RandomSearch(), study=path)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (9.0, "from 2 to 8 .steps., but chose 9 for solution 0"),
        (1.0, "from 2 to 8 .steps., but chose 1 for solution 0"),
        (math.nan, "from 2 to 8 .steps., but chose nan for solution 0"),
    ],
)
def test_a_strategy_chooses_from_the_range(said, message):
    class Wrong(TwoRungs):
        def _ask_at(self, number, n):
            return self._ask(number, n), np.array([said])

    with pytest.raises(SettingError, match=message):
        run(optimizer=Wrong())


def test_a_strategy_says_one_fidelity_for_each_point():
    class Wrong(TwoRungs):
        def _ask_at(self, number, n):
            return self._ask(number, n), np.array([2.0, 2.0])

    with pytest.raises(SettingError, match=r"1 points and fidelities of the shape \(2,\)"):
        run(optimizer=Wrong())


def test_a_problem_without_a_fidelity_has_none_to_choose():
    class Wrong(hpopt.RandomSearch):
        def _ask_at(self, number, n):
            points = self._ask(number, n)
            return points, np.full(len(points), 3.0)

    with pytest.raises(SettingError, match="must have a fidelity for a strategy to choose one"):
        hpopt.optimize(
            hpopt.FunctionProblem(lambda config: config["x"], {"x": hpopt.Float(0, 1)}),
            Wrong(),
            trials=3,
            progress=False,
        )


def test_a_config_that_comes_again_at_the_same_fidelity_is_replaced():
    class Stubborn(TwoRungs):
        def _ask_at(self, number, n):
            points = np.full((1, self.space.d), 0.25)
            return points, np.array([(4.0, 4.0, 8.0, 2.0)[min(number, 3)]])

    trials = run(optimizer=Stubborn(), trials=5).trials
    keys = [Curves.space.key(trial.config) for trial in trials]
    assert [trial.solution.fidelity for trial in trials] == [4, 4, 8, 2, 2]
    assert keys[0] == keys[2]
    assert len({*keys}) == 4


@pytest.mark.parametrize(
    ("optimizer", "trials"),
    [(TwoRungs(), 18), ("asha", 18), ("hyperband", 24)],
)
def test_a_problem_that_ignores_its_fidelity_is_told_once(optimizer, trials):
    problem = hpopt.FunctionProblem(
        lambda config, trial: config["x"], {"x": hpopt.Float(0, 1)}, fidelity=hpopt.Fidelity(1, 9)
    )
    with pytest.warns(StudyWarning, match="must spend trial.fidelity, but 3 configs") as said:
        run(problem, trials, optimizer)
    assert len(said) == 1


def test_one_that_heeds_it_is_not():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(Misleading())


# -- what is shown -------------------------------------------------------------------------------


def test_the_end_of_a_run_says_what_was_spent(capsys):
    result = run(progress=True)
    n_configs = len({trial.solution.seed for trial in result.trials})
    n_done = sum(trial.solution.fidelity == 8 for trial in result.trials)
    said = capsys.readouterr().err
    assert f"{2 * n_configs + 6 * n_done} steps of {8 * n_configs}" in said
    assert f"(trial {result.best.number} at 8)" in said


def test_without_a_choice_it_is_said_that_nothing_is_saved(capsys):
    run(optimizer=hpopt.RandomSearch(), progress=True)
    said = capsys.readouterr().err
    assert said.count("every config gets all 8 steps") == 1
    assert "steps of" not in said


def test_tables_and_exports_say_fidelities(path):
    result = run(study=path)
    shown = io.StringIO()
    write(summary(hpopt.Study.load(path), top=2), shown)
    lines = shown.getvalue().splitlines()
    assert lines[1].split()[:4] == ["trial", "fidelity", "value", "seconds"]
    assert lines[2].split()[:2] == [str(result.best.number), "8"]
    n_configs = len({trial.solution.seed for trial in result.trials})
    n_done = sum(trial.solution.fidelity == 8 for trial in result.trials)
    spent = f"{2 * n_configs + 6 * n_done} steps of {8 * n_configs}"
    assert f"fidelity   2 to 8 steps; {spent}" in shown.getvalue()
    assert f"{len(result.trials)} complete, of {n_configs} configs; " in shown.getvalue()
    write(summary(result, top=len(result.trials)), shown)
    assert "trials, the highest fidelity first, then the lowest value" in shown.getvalue()
    assert digest(result).spent == spent
    stream = io.StringIO()
    write_csv(result, stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert [float(row["fidelity"]) for row in rows] == [t.solution.fidelity for t in result.trials]


def test_the_header_of_anybody_has_a_range(path):
    run(study=path, trials=2)
    with open_storage(path) as storage:
        storage.write_header({**storage.header(), "fidelity": [9, 1, "steps"]})
    with pytest.raises(StudyFileError, match="0 < low <= high must hold"):
        hpopt.Study.load(path)


def test_what_is_known_from_the_start_hides_no_earlier_report():
    earlier = [(0, {"size": 1}), (1, {"error": 3}), (2, {"error": 2})]
    later = [(0, {"size": 1}), (3, {"error": 1})]
    assert join(earlier, later) == (*earlier, later[1])
    anew = [(0, {"size": 1}), (1, {"error": 3}), (2, {"error": 2}), (3, {"error": 1})]
    assert join(earlier, anew) == tuple(anew)
    assert join([(1, 3.0), (2, 2.0)], [(2, 2.5), (3, 1.0)]) == ((1, 3.0), (2, 2.5), (3, 1.0))
    assert join([], later) == tuple(later)
    assert join(earlier, []) == tuple(earlier)
