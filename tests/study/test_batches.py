"""Several evaluations in one computation: the same results as one by one, whatever happens."""

import os
import time
from collections import Counter
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

import hpopt
from hpopt.errors import ProblemError

from .problems import STRATEGIES, Greedy, Mixed, Small, essence, numbers, value_of


class Batched(Mixed):
    """Solutions of one optimizer go together; a batch shows its size in its log."""

    max_batch = 4

    def batch_key(self, solution):
        return solution.config["optimizer"]

    def evaluate_batch(self, configs, trials):
        assert 2 <= len(configs) == len(trials) <= self.max_batch
        assert len({config["optimizer"] for config in configs}) == 1
        if self.log is not None:
            with Path(self.log).open("a") as file:
                file.write(f"{len(configs)}\n")
        values = []
        for config, trial in zip(configs, trials, strict=True):
            value = value_of(config, trial.seed)
            config.clear()  # a copy of its own
            trial.report(1, value)
            values.append(value)
        return values


def searched(problem, make, **options):
    options = {"trials": 24, "seed": 5, "progress": False, **options}
    return hpopt.optimize(problem, make(), **options)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_as_one_by_one(name, workers, processes, tmp_path):
    problem = Batched(log=str(tmp_path / "log"))
    alone = searched(Mixed(), STRATEGIES[name])
    options = {} if workers == 1 else {"workers": workers, "executor": processes}
    together = searched(problem, STRATEGIES[name], **options)
    assert essence(together.trials) == essence(alone.trials)
    assert (tmp_path / "log").read_text().split()  # there were batches


@pytest.mark.parametrize("window", [2, 6])
def test_the_same_as_one_by_one_within_a_window(window):
    alone = searched(Mixed(), Greedy, window=window)
    together = searched(Batched(), Greedy, window=window)
    assert essence(together.trials) == essence(alone.trials)


class Recording(Executor):
    """Answer at once, and remember who went together."""

    def __init__(self):
        self.groups = []

    def submit(self, fn, /, *args, **kwargs):
        self.groups.append(args[1] if isinstance(args[1], list) else [args[1]])
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_groups_are_of_one_key_and_no_slot_stays_empty():
    recording = Recording()
    searched(Batched(), hpopt.RandomSearch, executor=recording, workers=2, trials=40)
    sizes = [len(group) for group in recording.groups]
    assert sum(sizes) == 40
    assert max(sizes) == 4
    for group in recording.groups:
        assert len({solution.config["optimizer"] for solution in group}) == 1
    recording.groups.clear()

    class AnyWithAny(Batched):
        def batch_key(self, solution):
            return None

        def evaluate_batch(self, configs, trials):
            return [value_of(c, t.seed) for c, t in zip(configs, trials, strict=True)]

    searched(AnyWithAny(), hpopt.RandomSearch, executor=recording, workers=4, trials=6)
    assert sorted(len(group) for group in recording.groups) == [1, 1, 2, 2]


def test_the_fullest_groups_go_first():
    recording = Recording()
    trials = searched(Batched(), hpopt.RandomSearch, executor=recording, trials=16).trials
    sizes = [len(group) for group in recording.groups]
    assert sizes == sorted(sizes, reverse=True)
    keys = Counter(trial.config["optimizer"] for trial in trials)
    assert len(sizes) == sum(-(-n // 4) for n in keys.values()) < 16
    first = [group[0].number for group in recording.groups if len(group) == sizes[0]]
    assert first == sorted(first)


class Asked:
    """Remember how many are ready when more are asked for."""

    def ask(self, n=1):
        self.most = max(getattr(self, "most", 0), len(self.pending) + n)
        return super().ask(n)


class AskedRandom(Asked, hpopt.RandomSearch):
    pass


class AskedGreedy(Asked, Greedy):
    pass


class AskedGenetic(Asked, hpopt.GeneticAlgorithm):
    pass


@pytest.mark.parametrize(
    ("make", "options", "most"),
    [
        (AskedRandom, {}, 16),
        (lambda: AskedGenetic(population=12), {}, 16),
        (AskedGreedy, {}, 4),
        # A rule knows of a trial only what was told when it was asked.
        (AskedRandom, {"early_stopping": "median"}, 4),
    ],
)
def test_more_are_asked_for_where_that_costs_nothing(make, options, most):
    optimizer = make()
    searched(Batched(), lambda: optimizer, **options)
    assert optimizer.most == most


def test_who_learns_from_each_is_asked_for_what_is_evaluated_at_a_time():
    problem, optimizer = Batched(), AskedGreedy()
    problem.n_side_by_side = 2
    searched(problem, lambda: optimizer)
    assert optimizer.most == 2
    random = AskedRandom()
    searched(problem, lambda: random)
    assert random.most == 16


class Touchy(Batched):
    """A batch with a guilty config in it fails in one of many ways; alone, only the guilty does."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def is_guilty(self, config):
        return config["batch"] == 128

    def evaluate(self, config, trial):
        if self.is_guilty(config):
            raise ValueError("guilty")
        return super().evaluate(config, trial)

    def evaluate_batch(self, configs, trials):
        if any(map(self.is_guilty, configs)):
            return getattr(self, self.how)(configs, trials)
        return super().evaluate_batch(configs, trials)

    def raises(self, configs, trials):
        raise RuntimeError("the batch as a whole")

    def ends(self, configs, trials):
        raise SystemExit(3)

    def miscounts(self, configs, trials):
        return [0.5]

    def returns_nothing(self, configs, trials):
        return None

    def dies(self, configs, trials):
        os._exit(3)

    def hangs(self, configs, trials):
        time.sleep(1000)

    def names_the_guilty(self, configs, trials):
        return [
            ValueError("guilty") if self.is_guilty(config) else value_of(config, trial.seed)
            for config, trial in zip(configs, trials, strict=True)
        ]


@pytest.mark.parametrize(
    "how", ["raises", "ends", "miscounts", "returns_nothing", "names_the_guilty"]
)
def test_only_the_guilty_fail(how):
    class Alone(Touchy):
        max_batch = 1

    together = searched(Touchy(how), hpopt.RandomSearch).trials
    assert essence(together) == essence(searched(Alone(how), hpopt.RandomSearch).trials)
    guilty = [trial for trial in together if trial.config["batch"] == 128]
    assert 0 < len(guilty) < 24
    assert {(trial.status, trial.error) for trial in guilty} == {("failed", "ValueError: guilty")}
    assert all("guilty" in trial.traceback for trial in guilty)


def test_a_batch_that_fails_is_said_once(caplog):
    searched(Touchy("raises"), hpopt.RandomSearch)
    said = [message for message in caplog.messages if message.startswith("evaluate_batch failed")]
    assert len(said) == 1
    assert said[0].endswith("one by one: RuntimeError: the batch as a whole")


@pytest.mark.parametrize("how", ["dies", "hangs"])
def test_only_the_guilty_fail_in_worker_processes(how):
    limits = hpopt.Limits(seconds=1)
    trials = searched(Touchy(how), hpopt.RandomSearch, trials=16, workers=2, limits=limits).trials
    assert numbers(trials) == list(range(16))
    for trial in trials:
        assert trial.status == ("failed" if trial.config["batch"] == 128 else "complete")
    assert {trial.status for trial in trials} == {"failed", "complete"}


def test_each_has_its_share_of_the_time_and_a_folder_of_its_own(path):
    class Slow(Batched):
        max_batch = 12

        def batch_key(self, solution):
            return None

        def evaluate_batch(self, configs, trials):
            time.sleep(0.24)
            for trial in trials:
                (trial.directory / "note").write_text(str(trial.number))
            return [float(trial.number) for trial in trials]

    trials = searched(Slow(), hpopt.RandomSearch, trials=12, study=path).trials
    assert sum(trial.seconds for trial in trials) == pytest.approx(0.24, abs=0.2)
    notes = path.with_name(path.name + ".files").glob("*/note")
    assert {note.parent.name for note in notes} == {str(number) for number in range(12)}


def test_an_exhausted_space_ends_a_batched_search():
    class All(Small):
        max_batch = 5

        def evaluate_batch(self, configs, trials):
            return [self.evaluate(c, t) for c, t in zip(configs, trials, strict=True)]

    assert len(searched(All(), hpopt.RandomSearch, trials=50).trials) == 12


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "4"])
def test_a_size_that_is_none(most):
    problem = Batched()
    problem.max_batch = most
    with pytest.raises(ProblemError, match="max_batch must be an int of at least 1"):
        searched(problem, hpopt.RandomSearch)


@pytest.mark.parametrize("n", [0, 1.5, True])
def test_a_number_side_by_side_that_is_none(n):
    problem = Batched()
    problem.n_side_by_side = n
    with pytest.raises(ProblemError, match="n_side_by_side must be an int of at least 1"):
        searched(problem, hpopt.RandomSearch)


def test_a_size_without_the_method():
    problem = Mixed()
    problem.max_batch = 2
    with pytest.raises(ProblemError, match="Mixed has max_batch=2 and none"):
        searched(problem, hpopt.RandomSearch)


def test_a_key_must_be_hashable(path):
    class Keyless(Batched):
        def batch_key(self, solution):
            return [1]

    with pytest.raises(ProblemError, match=r"Keyless\.batch_key .* TypeError"):
        searched(Keyless(), hpopt.RandomSearch, study=path)
    assert len(searched(Batched(), hpopt.RandomSearch, study=path).trials) == 24
