"""Callbacks, and ending a run from within or from outside."""

import logging
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import hpopt
from hpopt.errors import StudyError
from hpopt.progress import ProgressDisplay, Silent
from hpopt.storage import MemoryStorage

from .problems import STRATEGIES, Line, Mixed, essence, numbers


class TestCallbacks:
    def test_each_gets_the_study_and_each_trial_that_was_told(self, path):
        seen, study = [], hpopt.Study(Line(), "random", path=path)

        def first(given, trial):
            assert given is study
            seen.append(("first", trial.number, len(given.trials), given.best.number))

        def second(given, trial):
            seen.append(("second", trial.number, trial.values["value"]))

        result = study.run(trials=3, callbacks=[first, second], progress=False)
        study.close()
        assert [entry[:2] for entry in seen] == [
            (name, number) for number in range(3) for name in ("first", "second")
        ]
        assert [entry[2] for entry in seen[::2]] == [1, 2, 3]
        assert [entry[2] for entry in seen[1::2]] == [t.values["value"] for t in result.trials]

    def test_one_that_raises_is_logged_and_the_run_goes_on(self, caplog):
        seen = []

        def bad(study, trial):
            raise RuntimeError(f"no room for {trial.number}")

        with caplog.at_level(logging.ERROR, logger="hpopt"):
            result = hpopt.optimize(
                Line(),
                "random",
                trials=3,
                callbacks=[bad, lambda study, trial: seen.append(trial.number)],
                progress=False,
            )
        assert numbers(result.trials) == seen == [0, 1, 2]
        assert len(caplog.records) == 3
        said = caplog.records[1].getMessage()
        assert said.startswith("the callback TestCallbacks.")
        assert said.endswith("bad raised on trial 1")
        assert "no room for 1" in caplog.text

    def test_they_may_come_from_any_iterable(self):
        seen = []
        callbacks = (lambda study, trial: seen.append(trial.number) for _ in range(2))
        hpopt.optimize(Line(), "random", trials=2, callbacks=callbacks, progress=False)
        assert seen == [0, 0, 1, 1]

    def test_failed_trials_are_told_too(self):
        class Bad(Line):
            def evaluate(self, config, trial):
                raise ValueError("no")

        seen = []
        callback = lambda study, trial: seen.append(trial.error)  # noqa: E731
        hpopt.optimize(Bad(), "random", trials=2, callbacks=[callback], progress=False)
        assert seen == ["ValueError: no"] * 2

    def test_a_study_runs_once_at_a_time(self, caplog):
        errors = []

        def again(study, trial):
            with pytest.raises(StudyError, match="runs once at a time") as raised:
                study.run(trials=1, progress=False)
            errors.append(raised.value)

        study = hpopt.Study(Line(), "random")
        study.run(trials=2, callbacks=[again], progress=False)
        assert len(errors) == 2
        assert len(study.run(trials=1, progress=False).trials) == 3

    def test_one_that_asks_takes_it_upon_itself(self):
        """The strategy waits for what nobody in the run evaluates, and the run says so."""
        asked = []

        def ask(study, trial):
            if trial.number == 1:
                asked.append(study.ask())

        study = hpopt.Study(Mixed(), hpopt.GeneticAlgorithm(population=4), seed=1)
        result = study.run(trials=20, callbacks=[ask], progress=False)
        assert numbers(result.trials) == [0, 1, 3]
        assert result.reason == "the optimizer waits for solutions that somebody else has asked for"
        study.tell(asked[0], 1.0)
        assert numbers(study.run(trials=2, progress=False).trials) == list(range(6))


class TestStopSoon:
    def test_from_a_callback(self):
        def enough(study, trial):
            if trial.number == 2:
                study.stop_soon("two is enough")

        study = hpopt.Study(Line(), "random")
        result = study.run(trials=10, callbacks=[enough], progress=False)
        assert (len(result.trials), result.reason) == (3, "two is enough")
        again = study.run(trials=2, progress=False)
        assert (len(again.trials), again.reason) == (5, "5 trials are done")

    def test_what_runs_is_finished(self):
        running = threading.Barrier(3)

        class Together(Line):
            def evaluate(self, config, trial):
                if trial.number < 3:
                    running.wait(60)
                return 0.0

        with ThreadPoolExecutor(3) as threads:
            result = hpopt.optimize(
                Together(),
                "random",
                trials=10,
                workers=3,
                executor=threads,
                callbacks=[lambda study, trial: study.stop_soon()],
                progress=False,
            )
        assert result.reason == "it was asked to stop"
        assert 3 <= len(result.trials) <= 5
        assert result.counts["pending"] == 0

    def test_from_another_thread(self):
        started = threading.Event()

        class Waiting(Line):
            def evaluate(self, config, trial):
                started.set()
                return 0.0

        study = hpopt.Study(Waiting(), "random")

        def stop():
            started.wait(60)
            study.stop_soon()

        threading.Thread(target=stop).start()
        result = study.run(stop=hpopt.stopping.Never(), progress=False)
        assert result.reason == "it was asked to stop"

    def test_without_a_run_it_says_nothing(self):
        study = hpopt.Study(Line(), "random")
        study.stop_soon()
        assert len(study.run(trials=2, progress=False).trials) == 2


class TestDisplay:
    class Broken(ProgressDisplay):
        def show(self, snapshot):
            raise BrokenPipeError("nobody reads")

    def test_one_that_fails_does_not_end_the_run(self, caplog):
        with caplog.at_level(logging.ERROR, logger="hpopt"):
            result = hpopt.optimize(Line(), "random", trials=3, progress=self.Broken())
        assert len(result.trials) == 3
        assert len(caplog.records) == 1
        assert "nothing more is shown" in caplog.text

    def test_it_is_told_everything(self):
        calls = []

        class Noting(Silent):
            def begin(self):
                calls.append("begin")

            def show(self, snapshot):
                calls.append(snapshot.n_done)

            def end(self, snapshot, reason):
                calls.append((snapshot.n_done, snapshot.total, reason))

        hpopt.optimize(Line(), "random", trials=3, progress=Noting())
        assert calls == ["begin", 0, 0, 1, 2, 3, (3, 3, "3 trials are done")]


class TestCtrlC:
    """In this process, at chosen moments; test_interrupted.py sends it to others."""

    def press(self, times=1):
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    @pytest.fixture(autouse=True)
    def handler(self):
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        yield
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_once_ends_the_run_in_good_order(self):
        said = []

        class Hearing(Silent):
            def say(self, message):
                said.append(message)

        study = hpopt.Study(Line(), "random")
        result = study.run(
            trials=9, callbacks=[lambda study, trial: self.press()], progress=Hearing()
        )
        assert (len(result.trials), result.reason) == (1, "Ctrl-C was pressed")
        assert len(said) == 1
        assert "once more to stop now" in said[0]
        assert len(study.run(trials=2, progress=False).trials) == 3

    def test_once_in_an_evaluation_finishes_it(self):
        class Pressing(Line):
            def evaluate(_, config, trial):
                self.press()
                return 5.0

        result = hpopt.optimize(Pressing(), "random", trials=9, progress=False)
        assert [trial.values for trial in result.trials] == [{"value": 5.0}]

    def test_twice_raises_and_loses_nothing(self, path):
        class Pressing(Mixed):
            def evaluate(_, config, trial):
                if trial.number == 3:
                    self.press(2)
                return super().evaluate(config, trial)

        make = STRATEGIES["genetic"]
        with (
            hpopt.Study(Pressing(), make(), seed=1, path=path) as study,
            pytest.raises(KeyboardInterrupt),
        ):
            study.run(trials=9, progress=False)
        assert numbers(hpopt.Study.load(path).trials) == [0, 1, 2]
        resumed = hpopt.optimize(Mixed(), make(), trials=9, study=path, progress=False)
        expected = hpopt.optimize(Mixed(), make(), trials=9, seed=1, progress=False)
        assert essence(resumed.trials) == essence(expected.trials)

    @pytest.mark.parametrize("method", ["append", "started"])
    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_twice_in_the_middle_of_journaling(self, monkeypatch, method, moment):
        """The optimizer and the journal stay in step: the same study object can go on."""
        write, n_calls = getattr(MemoryStorage, method), 0

        def interrupted(storage, *arguments):
            nonlocal n_calls
            n_calls += 1
            if n_calls == 3 and moment == "before":
                self.press(2)
            write(storage, *arguments)
            if n_calls == 3 and moment == "after":
                self.press(2)

        make = STRATEGIES["genetic"]
        study = hpopt.Study(Mixed(), make(), seed=1)
        monkeypatch.setattr(MemoryStorage, method, interrupted)
        with pytest.raises(KeyboardInterrupt):
            study.run(trials=9, progress=False)
        assert len(study.trials) == (3 if method == "append" else 2)
        study.run(stop=hpopt.stopping.Trials(9), progress=False)
        expected = hpopt.optimize(Mixed(), make(), trials=9, seed=1, progress=False)
        assert essence(study.trials) == essence(expected.trials)

    def test_three_times_always_raises(self, monkeypatch):
        write = MemoryStorage.append

        def interrupted(storage, *arguments):
            self.press(3)
            write(storage, *arguments)

        monkeypatch.setattr(MemoryStorage, "append", interrupted)
        study = hpopt.Study(Line(), "random")
        with pytest.raises(KeyboardInterrupt):
            study.run(trials=9, progress=False)
        assert study.trials == []

    def test_a_worker_that_got_it_too_is_evaluated_again(self):
        """As in a pool of multiprocessing, whose children Ctrl-C in a terminal reaches."""
        reached = []

        class Reached(Line):
            def evaluate(self, config, trial):
                if trial.number == 1 and not reached:
                    reached.append(trial.number)
                    raise KeyboardInterrupt
                return 0.0

        study = hpopt.Study(Reached(), "random")
        with ThreadPoolExecutor(1) as threads:
            result = study.run(trials=4, executor=threads, progress=False)
            assert result.reason == "Ctrl-C was pressed"
            assert numbers(study.trials) == [0]
            study.run(trials=3, executor=threads, progress=False)
        assert numbers(study.trials) == [0, 1, 2, 3]
        assert {trial.status for trial in study.trials} == {"complete"}

    def test_a_handler_of_your_own_is_left_alone(self, monkeypatch):
        pressed = []
        mine = lambda number, frame: pressed.append(number)  # noqa: E731
        signal.signal(signal.SIGINT, mine)
        try:
            result = hpopt.optimize(
                Line(),
                "random",
                trials=3,
                callbacks=[lambda study, trial: self.press()],
                progress=False,
            )
            assert signal.getsignal(signal.SIGINT) is mine
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        assert len(pressed) == len(result.trials) == 3

    def test_a_run_in_another_thread_leaves_it_alone(self):
        handlers = []

        class Looking(Line):
            def evaluate(self, config, trial):
                handlers.append(signal.getsignal(signal.SIGINT))
                return 0.0

        thread = threading.Thread(
            target=lambda: hpopt.optimize(Looking(), "random", trials=1, progress=False)
        )
        thread.start()
        thread.join()
        assert handlers == [signal.default_int_handler]

    def test_the_handler_is_restored_after_an_error(self):
        with ThreadPoolExecutor(1) as threads:
            pass
        with pytest.raises(RuntimeError):
            hpopt.optimize(Line(), "random", trials=1, executor=threads, progress=False)


class TestEnded:
    """Callbacks with a method `ended` are told when the run has ended, and why."""

    class Watch:
        def __init__(self, raises=False):
            self.seen, self.raises = [], raises

        def __call__(self, study, trial):
            self.seen.append(trial.number)

        def ended(self, study, reason):
            self.seen.append((reason, len(study.trials)))
            if self.raises:
                raise RuntimeError("no room for the end")

    def test_once_and_last(self):
        watch = self.Watch()
        hpopt.optimize(Line(), "random", trials=2, callbacks=[watch], progress=False)
        assert watch.seen == [0, 1, ("2 trials are done", 2)]

    def test_also_when_an_error_is_raised(self):
        class Interrupted(Line):
            def evaluate(self, config, trial):
                raise KeyboardInterrupt

        watch = self.Watch()
        with pytest.raises(KeyboardInterrupt):
            hpopt.optimize(Interrupted(), "random", trials=2, callbacks=[watch], progress=False)
        assert watch.seen == [("it was interrupted at once", 0)]

    def test_an_error_in_it_is_logged(self, caplog):
        watch = self.Watch(raises=True)
        with caplog.at_level(logging.ERROR, logger="hpopt"):
            result = hpopt.optimize(Line(), "random", trials=1, callbacks=[watch], progress=False)
        assert result.reason == "1 trials are done"
        assert "no room for the end" in caplog.text
