"""The weights of the best trials stay, those of others go."""

import threading

import pytest

from hpopt.core import Constraint, Objective
from hpopt.errors import SettingError
from hpopt.problems.keras.training.kept_weights import LOSS, WEIGHTS, KeptWeights, load_weights


class Model:
    def set_weights(self, weights):
        self.weights = weights

    def save_weights(self, path):
        path.write_text(str(self.weights))

    def load_weights(self, path):
        self.weights = path.read_text()


def kept(folder):
    return sorted(int(path.parent.name) for path in folder.glob(f"*/{WEIGHTS}"))


def end(folder, number, *losses, n_kept=2, fidelity=None):
    names = [f"loss_{place}" for place in range(len(losses))]
    keeping = KeptWeights([Objective(name) for name in names], n_kept, fidelity)
    own = folder / str(number)
    own.mkdir(exist_ok=True)
    keeping.save(Model(), [number], dict(zip(names, losses, strict=True)), own)


def test_only_the_best_are_kept(tmp_path):
    for number, (loss, left) in enumerate(
        [(3, [0]), (1, [0, 1]), (2, [1, 2]), (5, [1, 2]), (0, [1, 4])]
    ):
        end(tmp_path, number, loss)
        assert kept(tmp_path) == left
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "4"]


def test_a_higher_fidelity_is_better(tmp_path):
    for number, (fidelity, loss, left) in enumerate(
        [(1, 0, [0]), (3, 5, [0, 1]), (1, 1, [0, 1]), (9, 7, [1, 3]), (3, 1, [3, 4])]
    ):
        end(tmp_path, number, loss, fidelity=fidelity)
        assert kept(tmp_path) == left


def test_a_front_is_of_the_highest_fidelity(tmp_path):
    for number, (fidelity, losses, left) in enumerate(
        [(1, (0, 0), [0]), (3, (5, 1), [1]), (1, (0, 0), [1]), (3, (1, 5), [1, 3])]
    ):
        end(tmp_path, number, *losses, fidelity=fidelity)
        assert kept(tmp_path) == left


def test_other_files_of_a_trial_stay(tmp_path):
    end(tmp_path, 0, 2, n_kept=1)
    (tmp_path / "0" / "log.txt").write_text("mine")
    end(tmp_path, 1, 1, n_kept=1)
    assert kept(tmp_path) == [1]
    assert (tmp_path / "0" / "log.txt").exists()


def test_a_trial_that_is_evaluated_again_replaces_its_own(tmp_path):
    end(tmp_path, 0, 2, n_kept=1)
    end(tmp_path, 0, 3, n_kept=1)
    assert kept(tmp_path) == [0]
    assert float((tmp_path / "0" / LOSS).read_text()) == 3
    end(tmp_path, 1, 1, n_kept=1)
    end(tmp_path, 0, 4, n_kept=1)
    assert kept(tmp_path) == [1]


def test_half_written_and_foreign_files_do_not_disturb(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / LOSS).write_text("")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / LOSS).write_text("0")
    end(tmp_path, 0, 2, n_kept=1)
    assert kept(tmp_path) == [0]


def test_a_folder_of_no_study_is_left_to_itself(tmp_path):
    for name, loss in (("run-a", 1), ("run-b", 2)):
        end(tmp_path, name, loss, n_kept=1)
    assert (tmp_path / "run-a" / WEIGHTS).exists()
    assert (tmp_path / "run-b" / WEIGHTS).exists()


def test_of_several_objectives_the_front_is_kept(tmp_path):
    for number, (losses, left) in enumerate(
        [
            ((3, 3), [0]),
            ((1, 4), [0, 1]),
            ((4, 1), [0, 1, 2]),
            ((2, 2), [1, 2, 3]),  # displaces the first
            ((5, 5), [1, 2, 3]),
            ((2, 2), [1, 2, 3, 5]),
        ]
    ):
        end(tmp_path, number, *losses, n_kept=None)
        assert kept(tmp_path) == left


def test_what_meets_the_constraints_is_better(tmp_path):
    bounds = [Constraint("size", "<=", 10)]
    for number, (loss, size, left) in enumerate(
        [(3, 30, [0]), (1, 40, [0]), (9, 20, [2]), (5, 10, [3]), (0, 11, [3]), (4, 9, [5])]
    ):
        own = tmp_path / str(number)
        own.mkdir()
        keeping = KeptWeights([Objective("loss")], 1, constraints=bounds)
        keeping.save(Model(), [number], {"loss": loss, "size": size}, own)
        assert kept(tmp_path) == left


def test_a_front_is_of_feasible_trials(tmp_path):
    bounds = [Constraint("b", ">=", 2)]
    keeping = KeptWeights([Objective("a"), Objective("b")], None, constraints=bounds)
    for number, (a, b, left) in enumerate(
        [(1, 1, [0]), (5, 0, [0]), (4, 4, [2]), (0, 1.9, [2]), (5, 2, [2, 4]), (3, 5, [2, 4, 5])]
    ):
        own = tmp_path / str(number)
        own.mkdir()
        keeping.save(Model(), [number], {"a": a, "b": b}, own)
        assert kept(tmp_path) == left


def test_a_front_is_bounded_where_the_user_says_so(tmp_path):
    points = [(0, 9), (9, 0), (1, 8), (5, 3), (0.5, 8.5), (6, 1.5)]
    for number, losses in enumerate(points):
        end(tmp_path, number, *losses, n_kept=3)
    assert kept(tmp_path) == [0, 1, 3]  # the ends, and the one in the middle of the gap
    for number, losses in enumerate(points):
        end(tmp_path, number, *losses, n_kept=1)
    assert kept(tmp_path) == [0]


def test_by_default_the_best_is_kept(tmp_path):
    for number, loss in enumerate([3, 1, 2]):
        end(tmp_path, number, loss, n_kept=None)
    assert kept(tmp_path) == [1]


def test_weights_wait_for_objectives_that_are_not_known_yet(tmp_path):
    keeping = KeptWeights([Objective("loss"), Objective("latency")], None)
    for number, (loss, latency) in enumerate([(1, 5), (2, 3), (3, 4)]):
        own = tmp_path / str(number)
        own.mkdir()
        keeping.save(Model(), [number], {"loss": loss}, own)
        assert number in kept(tmp_path)
        keeping.settle(own, {"loss": loss, "latency": latency})
    assert kept(tmp_path) == [0, 1]
    (tmp_path / "9").mkdir()
    keeping.save(Model(), [9], {"loss": 0}, tmp_path / "9")
    keeping.settle(tmp_path / "9", {})  # it failed after the training
    assert kept(tmp_path) == [0, 1]


def test_many_at_once_leave_the_best(tmp_path):
    threads = [
        threading.Thread(target=end, args=(tmp_path, number, (number * 7) % 20))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    best = sorted(range(20), key=lambda number: (number * 7) % 20)[:2]
    assert kept(tmp_path) == sorted(best)


def test_weights_come_back_or_it_says_why_not(tmp_path):
    end(tmp_path, 0, 1)
    model = Model()
    load_weights(model, tmp_path / "0")
    assert model.weights == "[0]"
    with pytest.raises(SettingError, match="must have kept its weights"):
        load_weights(model, tmp_path / "1")
