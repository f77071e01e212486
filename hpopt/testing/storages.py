"""Prove that a storage keeps a study: subclass a contract, say how to make one, run pytest."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hpopt.core.trial import STATUSES, Outcome, Solution, Status, Trial
from hpopt.errors import SettingError, StudyError
from hpopt.storage.storage import OUTPUT_CHARACTERS, Journal, Storage


class StorageContract:
    """Prove what every storage promises.

    Examples
    --------
    >>> class TestMyStorage(StorageContract):
    ...     def make(self, folder):
    ...         return MyStorage(folder / "study")
    """

    def make(self, folder: Path) -> Storage:
        """Make a storage that may keep files in this folder.

        In an empty folder it is a fresh one. Where `DurableStorageContract` applies, it is
        the same study again after the last storage of this folder has been closed.
        """
        raise NotImplementedError(f"{type(self).__name__}.make must give a storage")

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[Storage]:
        """Yield a fresh storage."""
        with self.make(tmp_path) as storage:
            yield storage

    def test_a_fresh_one_is_empty(self, storage: Storage) -> None:
        """Nothing is there, and nothing raises."""
        assert storage.header() is None
        assert storage.load() == Journal((), (), {})
        assert list(storage.trials()) == []
        assert storage.count() == dict.fromkeys(("pending", *STATUSES), 0)

    def test_the_header_is_kept_and_replaced(self, storage: Storage) -> None:
        """The last one stands; an empty one is not none."""
        header = {"seed": 7, "space": {"x": {"low": 1e-5, "high": math.inf}}, "names": ["é", None]}
        storage.write_header({})
        assert storage.header() == {}
        storage.write_header(header)
        assert storage.header() == header

    def test_a_started_solution_is_pending(self, storage: Storage) -> None:
        """It comes back with everything that its evaluation needs."""
        storage.started([solution(1, fidelity=2.5), solution(0)], 0)
        storage.started([solution(2)], 1)
        journal = storage.load()
        assert [described(each) for each in journal.pending] == [
            described(solution(0)),
            described(solution(1, fidelity=2.5)),
            described(solution(2)),
        ]
        assert journal.asked_after == {0: 0, 1: 0, 2: 1}
        pending = storage.pending()
        assert [described(each.solution) for each in pending] == [
            described(each) for each in journal.pending
        ]
        assert [each.asked_after for each in pending] == [0, 0, 1]
        assert [each.solution.number for each in storage.pending(1)] == [1, 2]
        assert all(each.since is None or each.since > 0 for each in pending)
        assert journal.trials == ()
        assert storage.count()["pending"] == 3

    @pytest.mark.parametrize("status", STATUSES)
    def test_a_trial_comes_back_as_it_was(self, storage: Storage, status: Status) -> None:
        """Every attribute of every kind of outcome."""
        expected = trial(3, status)
        storage.started([expected.solution], 0)
        storage.append([expected])
        (found,) = storage.load().trials
        assert described(found) == described(expected)
        assert described(storage.trial(3)) == described(expected)
        assert [described(each) for each in storage.trials()] == [described(expected)]
        assert storage.load().pending == ()

    def test_points_are_read_only(self, storage: Storage) -> None:
        """A point that could be changed would change the history."""
        storage.started([solution(0), solution(1)], 0)
        storage.append([trial(0)])
        journal = storage.load()
        for point in (journal.pending[0].point, journal.trials[0].solution.point):
            assert point.dtype == np.float64
            with pytest.raises(ValueError, match="read-only"):
                point[0] = 0.0

    def test_metrics_that_are_not_finite_come_back(self, storage: Storage) -> None:
        """An extra metric may be anything that a float can be."""
        values = {"value": 0.1, "nan": math.nan, "up": math.inf, "down": -math.inf, "zero": -0.0}
        curve = ((1.0, math.nan), (2.0, math.inf), (3.0, {"up": math.inf, "zero": -0.0}))
        storage.append([Trial(solution(0), Outcome("complete", values, curve))])
        found = storage.trial(0)
        assert repr(dict(found.values)) == repr(values)
        assert repr(found.curve) == repr(curve)

    def test_any_text_is_kept(self, storage: Storage) -> None:
        """Errors and output hold whatever a program prints."""
        text = 'é 漢字 🙂 \0 \r\n\t "quoted" \\ {"$float": "nan"}'
        outcome = Outcome("failed", error=text, traceback=text * 100)
        storage.append([Trial(solution(0), outcome)], {0: text})
        assert (storage.trial(0).error, storage.trial(0).traceback) == (text, text * 100)
        assert storage.output(0) == text

    def test_text_that_is_no_unicode_is_no_error(self, storage: Storage) -> None:
        """A lone surrogate, as in an undecodable file name, must not end a run."""
        outcome = Outcome("failed", error="no \udce9 file", traceback="\udce9")
        storage.append([Trial(solution(0), outcome)], {0: "\udce9 printed"})
        assert "file" in (storage.trial(0).error or "")
        assert "printed" in storage.output(0)

    def test_the_journal_is_in_the_order_of_observation(self, storage: Storage) -> None:
        """Replay needs the order of observation, people that of numbers."""
        numbers = [4, 0, 3, 1]
        storage.started([solution(number) for number in range(6)], 0)
        storage.append([trial(numbers[0])])
        storage.append([trial(number) for number in numbers[1:]])
        assert [each.number for each in storage.load().trials] == numbers
        assert [each.number for each in storage.observations()] == numbers
        assert [described(each) for each in storage.observations()] == [
            described(each) for each in storage.load().trials
        ]
        assert [each.number for each in storage.load().pending] == [2, 5]
        assert [each.number for each in storage.trials()] == sorted(numbers)

    def test_a_trial_need_not_have_been_started(self, storage: Storage) -> None:
        """A user may tell what was evaluated elsewhere."""
        storage.append([trial(8)])
        journal = storage.load()
        assert described(journal.trials[0]) == described(trial(8))
        assert 8 not in journal.asked_after

    def test_the_solution_as_started_stands(self, storage: Storage) -> None:
        """What replay sees is what was asked."""
        storage.started([solution(0)], 0)
        storage.append([Trial(solution(0, x=99.0), Outcome("complete", {"value": 1.0}))])
        assert storage.trial(0).config == solution(0).config

    @pytest.mark.parametrize("batch", [[0], [1, 0], [1, 1], [2, 3, 2]])
    def test_a_number_is_told_once(self, storage: Storage, batch: list[int]) -> None:
        """The second time raises and changes nothing, also of the rest of the call."""
        storage.started([solution(0), solution(1)], 0)
        storage.append([trial(0)], {0: "first"})
        before = state(storage)
        with pytest.raises(StudyError, match=r"told once, but trial \d"):
            storage.append([trial(each, "failed") for each in batch], {0: "second"})
        assert state(storage) == before
        assert storage.output(0) == "first"
        storage.append([trial(1)])
        assert [each.number for each in storage.load().trials] == [0, 1]

    def test_starting_again_what_is_pending_changes_nothing(self, storage: Storage) -> None:
        """A resumed study evaluates the pending ones again."""
        storage.started([solution(0)], 0)
        before = state(storage)
        storage.started([solution(0)], 5)
        assert state(storage) == before
        storage.started([solution(0), solution(1)], 5)
        assert storage.load().asked_after == {0: 0, 1: 5}

    def test_starting_another_solution_of_the_number_raises(self, storage: Storage) -> None:
        """Another config, seed or fidelity under the same number is another study."""
        storage.started([solution(1)], 0)
        before = state(storage)
        for other in (solution(1, x=99.0), solution(1, fidelity=3.0), solution(1, seed=3)):
            with pytest.raises(StudyError, match="1 is pending with others"):
                storage.started([solution(0), other], 0)
        assert state(storage) == before

    def test_a_config_may_have_several_fidelities(self, storage: Storage) -> None:
        """Each under a number of its own, with the seed and the point of the first."""
        first = solution(0, fidelity=1.0)
        storage.started([first, replace(first, number=3, fidelity=9.0)], 0)
        storage.append([Trial(first, Outcome("complete", {"value": 1.0}))])
        (ended,), (pending,) = storage.load().trials, storage.load().pending
        assert (ended.solution.fidelity, pending.fidelity) == (1.0, 9.0)
        assert (ended.config, ended.solution.seed) == (pending.config, pending.seed)
        assert ended.solution.point.tolist() == pending.point.tolist()

    def test_starting_what_has_finished_raises(self, storage: Storage) -> None:
        """Nothing that has finished is evaluated again."""
        storage.append([trial(1)])
        before = state(storage)
        with pytest.raises(StudyError, match="1 was started again"):
            storage.started([solution(0), solution(1)], 1)
        assert state(storage) == before

    def test_a_reopened_trial_is_pending_as_it_was_asked(self, storage: Storage) -> None:
        """Its result is forgotten; it finishes again later, behind those that stayed."""
        storage.started([solution(number) for number in range(4)], 2)
        storage.append([trial(2, "failed"), trial(0), trial(1, "failed")], {1: "old", 2: "old"})
        storage.append([trial(8, "lost")])
        storage.reopen([2, 8])
        journal = storage.load()
        assert [each.number for each in journal.trials] == [0, 1]
        assert [described(each) for each in journal.pending] == [
            described(solution(number)) for number in (2, 3, 8)
        ]
        assert journal.asked_after == {0: 2, 1: 2, 2: 0, 3: 2, 8: 0}
        assert all(each.since is None or each.since > 0 for each in storage.pending())
        assert {name: n for name, n in storage.count().items() if n} == {
            "complete": 1,
            "failed": 1,
            "pending": 3,
        }
        assert (storage.output(1), storage.output(2)) == ("old", "")
        with pytest.raises(SettingError, match="got 2: it has not finished"):
            storage.trial(2)
        storage.started([solution(2)], 5)
        storage.append([trial(2)], {2: "new"})
        assert [each.number for each in storage.observations()] == [0, 1, 2]
        assert described(storage.trial(2)) == described(trial(2))
        assert storage.output(2) == "new"

    @pytest.mark.parametrize("numbers", [[1], [0, 1], [0, 7], [0, 0]])
    def test_only_what_has_finished_is_reopened(self, storage: Storage, numbers: list[int]) -> None:
        """Otherwise it raises and changes nothing."""
        storage.started([solution(0), solution(1)], 0)
        storage.append([trial(0, "failed")], {0: "printed"})
        before = state(storage)
        with pytest.raises(StudyError, match=rf"reopened, but {numbers[-1]} has not finished"):
            storage.reopen(numbers)
        assert state(storage) == before
        assert storage.output(0) == "printed"

    def test_nothing_is_a_batch_too(self, storage: Storage) -> None:
        """Loops need no special case."""
        storage.started([], 0)
        storage.append([])
        storage.reopen([])
        assert storage.load() == Journal((), (), {})

    def test_the_end_of_the_output_is_kept(self, storage: Storage) -> None:
        """A flood ends somewhere; the reason for a failure stands at the end."""
        flood = "x" * 3 * OUTPUT_CHARACTERS + "the end"
        storage.started([solution(3)], 0)
        storage.append([trial(0), trial(1), trial(2)], {0: flood, 1: "short"})
        assert storage.output(0) == flood[-OUTPUT_CHARACTERS:]
        assert [storage.output(number) for number in (1, 2, 3)] == ["short", "", ""]

    def test_a_number_that_is_not_there_raises(self, storage: Storage) -> None:
        """Unknown and pending ones are told apart."""
        storage.started([solution(0)], 0)
        with pytest.raises(SettingError, match="got 0: it has not finished"):
            storage.trial(0)
        with pytest.raises(SettingError, match="got 7: the study has no such number"):
            storage.trial(7)
        with pytest.raises(SettingError, match="got 7"):
            storage.output(7)
        for number in (-1, 2**70, "x", None):
            with pytest.raises(SettingError, match="got"):
                storage.trial(number)  # type: ignore[arg-type]

    def test_numbers_may_be_numpys(self, storage: Storage) -> None:
        """Numbers come from arrays now and then."""
        number, seconds = np.int64(5), np.float32(0.5)
        outcome = Outcome("complete", {"value": np.float32(0.25)}, seconds=seconds, memory=number)
        config, whole = {"x": np.float64(0.5)}, np.uint32(7)
        asked = Solution(number, config, np.zeros(2), whole, number, whole, (np.int64(3),))
        storage.started([asked], 0)
        storage.append([Trial(asked, outcome)], {number: "printed"})
        found = storage.trial(np.int64(5))
        assert (found.number, found.seconds, found.memory) == (5, 0.5, 5)
        assert (found.config, found.values) == ({"x": 0.5}, {"value": 0.25})
        assert (found.generation, found.parents) == (7, (3,))
        assert storage.output(number) == "printed"

    def test_trials_are_counted_by_status(self, storage: Storage) -> None:
        """Each status, and what is pending."""
        storage.started([solution(number) for number in range(20)], 0)
        statuses: list[Status] = ["complete", "failed", "complete", "lost", "stopped"]
        storage.append([trial(number, status) for number, status in enumerate(statuses)])
        expected = {"complete": 2, "failed": 1, "lost": 1, "stopped": 1, "pending": 15}
        assert {name: n for name, n in storage.count().items() if n} == expected

    def test_many_trials_keep_their_order(self, storage: Storage) -> None:
        """More than any reader would take at once."""
        numbers = np.random.default_rng(0).permutation(1700).tolist()
        storage.started([solution(number) for number in range(1700)], 0)
        storage.append([trial(number) for number in numbers])
        assert [each.number for each in storage.trials()] == list(range(1700))
        assert [each.number for each in storage.load().trials] == numbers

    def test_a_closed_one_says_so(self, tmp_path: Path) -> None:
        """Closing twice is allowed, using it is not."""
        with self.make(tmp_path) as storage:
            storage.append([trial(0)])
        storage.close()
        for use in (storage.header, storage.load, storage.count, lambda: list(storage.trials())):
            with pytest.raises(StudyError, match="closed"):
                use()
        with pytest.raises(StudyError, match="closed"):
            storage.append([trial(1)])
        with pytest.raises(StudyError, match="closed"):
            storage.started([solution(1)], 0)
        with pytest.raises(StudyError, match="closed"):
            storage.reopen([0])

    def test_threads_may_read_while_one_writes(self, storage: Storage) -> None:
        """A reader sees whole trials only, and none twice."""
        errors: list[BaseException] = []
        done = threading.Event()

        def read() -> None:
            try:
                while not done.is_set():
                    numbers = [each.number for each in storage.trials()]
                    assert numbers == sorted(set(numbers))
                    journal = storage.load()
                    assert [each.number for each in journal.trials] == list(
                        range(len(journal.trials))
                    )
                    assert storage.count()["complete"] >= len(journal.trials)
            except BaseException as error:
                errors.append(error)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(200):
            storage.started([solution(number)], number)
            storage.append([trial(number)])
        done.set()
        for reader in readers:
            reader.join()
        assert errors == []
        assert storage.count()["complete"] == 200


class DurableStorageContract(StorageContract):
    """Prove what storages promise that outlive their process, beside all else."""

    def test_everything_is_there_when_opened_again(self, tmp_path: Path) -> None:
        """The journal, the header and the output."""
        with self.make(tmp_path) as storage:
            storage.write_header({"seed": 3})
            storage.started([solution(0), solution(1), solution(2)], 0)
            storage.append([trial(2, "failed"), trial(0)], {2: "printed"})
            before = state(storage)
        with self.make(tmp_path) as storage:
            assert state(storage) == before
            assert storage.header() == {"seed": 3}
            assert storage.output(2) == "printed"
            storage.reopen([2])
            before = state(storage)
        with self.make(tmp_path) as storage:
            assert state(storage) == before
            assert storage.output(2) == ""

    def test_reports_are_kept_until_the_trial_ends(self, tmp_path: Path) -> None:
        """The last ones that were given; nothing of them where the trial begins anew."""
        with self.make(tmp_path) as storage:
            storage.started([solution(0), solution(1)], 0)
            storage.reported(1, [(1.0, 0.5)])
            storage.reported(1, [(1.0, 0.5), (2.0, {"loss": 0.25, "size": math.inf})])
        with self.make(tmp_path) as storage:
            curves = [each.curve for each in storage.pending()]
            assert curves == [(), ((1.0, 0.5), (2.0, {"loss": 0.25, "size": math.inf}))]
            storage.append([trial(1)])
            assert storage.trial(1).curve == trial(1).curve
            storage.reopen([1])
            assert storage.pending(1)[0].curve == ()

    def test_the_order_goes_on_when_opened_again(self, tmp_path: Path) -> None:
        """What is observed later stands later, whatever its number."""
        for numbers in ([5, 2], [4, 0], [3, 1]):
            with self.make(tmp_path) as storage:
                storage.append([trial(number) for number in numbers])
        with self.make(tmp_path) as storage:
            assert [each.number for each in storage.load().trials] == [5, 2, 4, 0, 3, 1]


def solution(
    number: int, *, x: float = 0.1, seed: int = 2**32 - 1, fidelity: float | None = None
) -> Solution:
    """Make a solution with every kind of value in its config."""
    point = np.array([number / 7, 1 / 3, 0.0, 1.0])
    point.flags.writeable = False
    layers = [{"units": 2**70, "activation": "relu"}, {"units": 1, "rate": 5e-324}]
    config = {"x": x, "naïve": None, "flag": True, "$float": "nan", "layers": layers, "empty": []}
    generation, parents = (number // 3, (number - 1, 0)) if number > 1 else (None, ())
    return Solution(number, config, point, seed, fidelity, generation, parents)


def trial(number: int, status: Status = "complete") -> Trial:
    """Make a trial with everything that its status may have."""
    outcome = Outcome(
        status=status,
        values={"value": number + 0.1, "accuracy": 1 / 3} if status != "failed" else {},
        curve=((1.0, 0.5), (2.0, 0.25)),
        error=None if status == "complete" else f"Error: {status}",
        traceback=None if status != "failed" else "Traceback:\n  line 1\n",
        started=1_700_000_000.123456,
        seconds=0.1 + number,
        memory=None if number % 2 else 2**40,
        info={"note": "naïve", "$of": [1, {"x": None}]} if status == "complete" else {},
        worker=None if number % 3 else "naïve:4711/thread-2",
    )
    return Trial(solution(number), outcome)


def described(item: Solution | Trial) -> str:
    """Return everything there is about a solution or a trial, comparable also where it is nan."""
    if isinstance(item, Solution):
        return f"{item!r} {item.point.tolist()}"
    outcome = item.outcome
    return (
        f"{described(item.solution)} {item.to_dict()} {dict(outcome.values)} {outcome.curve} "
        f"{outcome.traceback}"
    )


def state(storage: Storage) -> tuple[list[str], list[str], dict[int, int]]:
    """Return all that a storage holds of its trials, to be compared."""
    journal = storage.load()
    trials = [described(each) for each in journal.trials]
    return trials, [described(each) for each in journal.pending], dict(journal.asked_after)
