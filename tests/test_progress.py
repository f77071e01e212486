"""What a running study shows: a bar on a terminal, lines elsewhere, nothing on request."""

import io
import math
import os
import re
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import hpopt
from hpopt.core import Outcome, Solution, Trial
from hpopt.progress import Bar, Lines, Notebook, Silent, Snapshot, duration, make_display
from hpopt.progress.wording import (
    best_in_words,
    count_in_words,
    in_one_line,
    trying_in_words,
    wrapped_at_words,
)


class Given(hpopt.Problem):
    space = hpopt.Space({"größe": hpopt.Float(0, 1), "name": hpopt.Categorical(["[red]a", "b"])})

    def __init__(self, *values):
        self.given = values

    def evaluate(self, config, trial):
        value = self.given[trial.number]
        if isinstance(value, Exception):
            raise value
        return value


def snapshot(**changes):
    plain = {
        "n_done": 0,
        "n_bad": 0,
        "n_new": 0,
        "n_running": 0,
        "total": math.inf,
        "seconds": 0.0,
        "limit": math.inf,
        "best": None,
        "objective": hpopt.Objective("loss"),
    }
    return Snapshot(**{**plain, **changes})


def best(value=0.5, number=3, **config):
    solution = Solution(number, config or {"x": 0.25}, None, 0)
    return Trial(solution, Outcome("complete", {"loss": value, "more": 1.0}))


class TestWords:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0, "0:00"), (7.9, "0:07"), (60, "1:00"), (754, "12:34"), (3599, "59:59"),
         (3600, "1:00:00"), (11554, "3:12:34"), (360000, "100:00:00")],
    )  # fmt: skip
    def test_durations(self, seconds, text):
        assert duration(seconds) == text

    def test_counts(self):
        assert count_in_words(snapshot()) == "0 trials, 0:00"
        assert count_in_words(snapshot(n_done=3, total=10, seconds=61)) == "3/10 trials, 1:01"
        full = snapshot(n_done=3, n_bad=1, n_new=3, n_running=2, total=9, seconds=60)
        assert count_in_words(full) == "3/9 trials, 1 failed, 2 running, 1:00, 2:00 left"

    def test_no_time_is_left_when_it_has_ended(self):
        assert (
            count_in_words(snapshot(n_done=9, n_new=9, total=9, seconds=60)) == "9/9 trials, 1:00"
        )
        half = snapshot(n_done=3, n_new=3, total=9, seconds=60)
        assert count_in_words(half, ended=True) == "3/9 trials, 1:00"

    def test_the_best(self):
        assert best_in_words(snapshot()) == "no value yet"
        found = snapshot(best=best(0.123456789, 7, x=0.25, kind="dünn", size=(3, 3)))
        words = "best loss 0.12346 (trial 7): x 0.25, kind dünn, size [3, 3]"
        assert best_in_words(found) == words
        assert in_one_line(found) == f"0 trials, 0:00; {words}"
        assert in_one_line(snapshot()) == "0 trials, 0:00"

    def test_what_is_tried(self):
        assert trying_in_words(snapshot()) == ""
        layers = [{"units": 64, "act": "relu"}, {"units": 8, "act": "elu"}]
        solution = Solution(8, {"rate": 1 / 3, "layers": layers}, None, 0)
        config = "rate 0.33333, layers 64 relu → 8 elu"
        assert trying_in_words(snapshot(trying=solution)) == f"trying (trial 8): {config}"
        known = snapshot(trying=replace(solution, fidelity=9), report=(3.0, 0.123456))
        assert trying_in_words(known) == f"trying (trial 8 at 9, step 3: 0.12346): {config}"

    @pytest.mark.parametrize(
        ("text", "lines"),
        [
            ("", []),
            ("short enough", ["short enough"]),
            ("exactly twenty chars", ["exactly twenty chars"]),
            ("exactly twenty-one chr", ["exactly twenty-one", "chr"]),
            ("best 0.031; exploring more or less of it", ["best 0.031;", "exploring more or …"]),
            ("x" * 30, ["x" * 30]),
        ],
    )
    def test_lines_are_broken_between_words(self, text, lines):
        assert wrapped_at_words(text, 20, 2) == lines


class TestRemaining:
    @pytest.mark.parametrize(
        ("state", "seconds"),
        [
            ({}, math.inf),
            ({"total": 10}, math.inf),  # nothing is known of how long one takes
            ({"n_done": 5, "n_new": 5, "total": 10, "seconds": 50}, 50),
            ({"n_done": 5, "n_new": 1, "total": 10, "seconds": 10}, 50),
            ({"n_done": 5, "n_new": 5, "seconds": 50}, math.inf),
            ({"seconds": 50, "limit": 60}, 10),
            ({"seconds": 70, "limit": 60}, 0),
            ({"n_done": 5, "n_new": 5, "total": 10, "seconds": 50, "limit": 60}, 10),
            ({"n_done": 5, "n_new": 5, "total": 6, "seconds": 50, "limit": 600}, 10),
            ({"n_done": 12, "n_new": 2, "total": 10, "seconds": 5}, 0),
        ],
    )
    def test_by_trials_and_by_time(self, state, seconds):
        assert snapshot(**state).remaining == seconds


class TestLines:
    @pytest.fixture
    def shown(self, monkeypatch):
        """Lines whose clock only moves when told to."""

        class Shown:
            def __init__(self):
                self.stream, self.now = io.StringIO(), 0.0
                self.display = Lines(self.stream)

            def show(self, seconds, **state):
                self.now += seconds
                before = len(self.stream.getvalue())
                self.display.show(snapshot(**state))
                return self.stream.getvalue()[before:]

        found = Shown()
        monkeypatch.setattr("hpopt.progress.lines.time.monotonic", lambda: found.now)
        return found

    def test_the_first_is_shown_at_once(self, shown):
        assert shown.show(0) == "hpopt: 0 trials, 0:00\n"

    def test_a_better_one_is_shown_but_not_every_instant(self, shown):
        shown.show(0)
        assert shown.show(0.5, best=best(number=0), n_done=1) == ""
        assert "(trial 0)" in shown.show(0.5, best=best(number=0), n_done=2)
        assert shown.show(5, best=best(number=0), n_done=9) == ""
        assert "(trial 9)" in shown.show(1, best=best(number=9), n_done=10)

    def test_every_ten_seconds_if_there_is_something_new(self, shown):
        shown.show(0)
        assert shown.show(9.9, n_done=1) == ""
        assert shown.show(0.1, n_done=1) == "hpopt: 1 trials, 0:00\n"
        assert shown.show(100, n_done=1) == ""
        assert shown.show(0.1, n_done=2) != ""

    def test_a_config_is_written_when_it_is_new(self, shown):
        assert "(trial 0): x 0.25" in shown.show(0, best=best(number=0), n_done=1)
        later = shown.show(10, best=best(number=0), n_done=2)
        assert later == "hpopt: 2 trials, 0:00; best loss 0.5 (trial 0)\n"

    def test_an_event_is_one_line_and_no_line_comes_twice(self, shown):
        shown.display.say("two\nlines")
        shown.display.say("two\nlines")
        assert shown.stream.getvalue() == "hpopt: two lines\n"

    def test_the_end_is_always_shown(self, shown):
        shown.display.end(snapshot(n_done=3, total=9, n_new=3, seconds=3), "Ctrl-C was pressed")
        assert shown.stream.getvalue() == ("hpopt: 3/9 trials, 0:03; ended as Ctrl-C was pressed\n")

    def test_where_there_is_no_terminal(self, capsys):
        result = hpopt.optimize(Given(3, ValueError(), 1), "random", trials=3, seed=1)
        printed, shown = capsys.readouterr()
        assert printed == ""
        first, *_, last = shown.splitlines()
        assert first == "hpopt: 0/3 trials, 0:00"
        assert last.startswith("hpopt: 3/3 trials, 1 failed, 0:0")
        assert last.endswith("; ended as 3 trials are done")
        config = result.best.config
        assert f"best value 1 (trial 2): größe {config['größe']:.5g}, name " in last
        assert "\x1b" not in shown

    def test_the_phase_is_told_at_its_change_only(self, capsys):
        problem = hpopt.FunctionProblem(lambda c: c["x"], {"x": hpopt.Float(0, 1)})
        hpopt.optimize(problem, "tpe", trials=15)
        said = [line for line in capsys.readouterr().err.splitlines() if " trials" not in line]
        assert len(said) == 2
        assert said[0] == "hpopt: first configs: 5 spread over the space, then TPE"
        assert said[1].startswith(
            "hpopt: now choosing near the better results (TPE on 5 results); "
        )

    def test_running_workers_are_counted(self):
        together, states = threading.Barrier(2), []

        class Both(Given):
            def evaluate(self, config, trial):
                together.wait(60)
                return 1.0

        class Noting(Silent):
            def show(self, snapshot):
                states.append((snapshot.n_running, snapshot.n_done))

        with ThreadPoolExecutor(2) as threads:
            hpopt.optimize(
                Both(), "random", trials=2, workers=2, executor=threads, progress=Noting()
            )
        assert states[0] == (0, 0)
        assert states[-1] == (0, 2)
        assert all(running <= 2 - done for running, done in states)


class Terminal:
    """A terminal in place of stderr; what is written to it is read by a thread.

    To be made in the test itself: pytest sets stderr again after the fixtures.
    """

    def __init__(self, monkeypatch):
        self._reader, writer = os.openpty()
        self._chunks = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.stream = os.fdopen(writer, "w", buffering=1)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "100")
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(sys, "stderr", self.stream)

    def _read(self):
        while True:
            try:
                chunk = os.read(self._reader, 65536)
            except OSError:  # how a terminal ends on Linux
                chunk = b""
            if not chunk:
                return
            self._chunks.append(chunk)

    def end(self):
        """Close it, and give all that was written, without colours and cursor movements."""
        self.stream.close()
        self._thread.join(30)
        os.close(self._reader)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(self._chunks).decode())


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
class TestBar:
    @pytest.fixture(autouse=True)
    def every_state(self, monkeypatch):
        monkeypatch.setattr("hpopt.progress.bar.BAR_SECONDS", 0.0)

    def test_a_run(self, monkeypatch):
        terminal = Terminal(monkeypatch)
        result = hpopt.optimize(Given(3, ValueError(), 1, 2), "random", trials=4, seed=1)
        text = terminal.end()
        assert "━" in text
        for state in ("0/4 trials", "1/4 trials", "2/4 trials, 1 failed", "4/4 trials, 1 failed"):
            assert state in text
        assert re.search(r"1/4 trials, 0:0\d, 0:0\d left", text)
        assert "best value 3 (trial 0)" in text
        assert f"best value 1 (trial 2): größe {result.best.config['größe']:.5g}" in text
        *_, last, title, heads, first, second, third = text.strip().splitlines()
        assert last == "4/4 trials, 1 failed, 0:00; ended as 4 trials are done"
        assert title == "the best 3 of 4 trials, the lowest value first"
        assert heads.split() == ["trial", "value", "seconds", "größe", "name"]
        assert [row.split()[:2] for row in (first, second, third)] == [
            ["2", "1"],
            ["3", "2"],
            ["0", "3"],
        ]

    def test_words_in_brackets_are_no_colours(self, monkeypatch):
        terminal = Terminal(monkeypatch)
        problem = Given(1.0)
        start = [{"größe": 0.5, "name": "[red]a"}]
        hpopt.optimize(problem, "random", trials=1, start=start)
        assert "name [red]a" in terminal.end()

    def test_without_an_end_it_pulses(self, monkeypatch):
        terminal = Terminal(monkeypatch)
        hpopt.optimize(Given(1, 2, 3), "random", stop=hpopt.stopping.Target(1))
        text = terminal.end()
        assert "━" in text
        assert "0 trials, 0:00" in text
        assert "value reached 1" in text

    def test_what_the_strategy_does_is_under_the_best(self, monkeypatch):
        terminal = Terminal(monkeypatch)
        bar = make_display(True)
        bar.begin()
        doing = f"Gaussian process on 43 results: {'many words ' * 7}end"
        bar.show(snapshot(n_done=1, total=3, best=best(), doing=doing))
        bar.show(snapshot(n_done=2, total=3, best=best(), doing="[red]TPE"))
        bar.show(snapshot(n_done=3, total=3, best=best()))
        bar.end(snapshot(n_done=3, total=3), "it is done")
        assert bar.shows_result
        lines = [line.strip() for line in terminal.end().splitlines()]
        (place,) = [k for k, line in enumerate(lines) if "Gaussian" in line]
        assert f"{lines[place]} {lines[place + 1]}" == doing
        assert len(lines[place]) <= 100
        assert "[red]TPE" in lines

    def test_the_phase_is_shown_in_place_and_its_change_stays(self, monkeypatch):
        monkeypatch.setattr("hpopt.study.loop.DOING_SECONDS", 0.0)
        terminal = Terminal(monkeypatch)
        problem = hpopt.FunctionProblem(lambda c: c["x"], {"x": hpopt.Float(0, 1)})
        hpopt.optimize(problem, "tpe", trials=12)
        text = terminal.end()
        assert "first configs: 5 spread over the space, then TPE" in text
        assert len(re.findall("now choosing near the better results", text)) == 1
        assert re.search(
            r"^choosing near the better results \(TPE on \d+ results\)\s*$", text, re.MULTILINE
        )

    @pytest.mark.parametrize("columns", [40, 80])
    def test_no_word_is_broken_at_the_end_of_a_line(self, monkeypatch, columns):
        terminal = Terminal(monkeypatch)
        monkeypatch.setenv("COLUMNS", str(columns))
        bar = make_display(True)
        bar.begin()
        words = [f"word{'x' * (n % 17)}" for n in range(60)]
        bar.say(" ".join(words))
        config = {f"parameter_{n}": n / 7 for n in range(9)}
        trying = Solution(4, config, None, 0)
        state = {"n_done": 33, "n_bad": 2, "n_running": 12, "total": 4000, "n_new": 33}
        full = snapshot(**state, seconds=60, best=best(**config), trying=trying, doing="of a model")
        bar.show(full)
        bar.end(full, "all trials that were to be run are done")
        text = terminal.end()
        lines = text.splitlines()
        assert max(map(len, lines)) <= columns
        shown = {word.strip(",;:") for line in lines for word in line.split()}
        known = {*words, *config, *(f"{value:.5g}" for value in config.values())}
        said = (
            "33/4000 trials 2 failed 12 running 1:00 2:00:12 left best loss 0.5 (trial 3 trying 4"
        )
        said += " ended as all that were to be run are done of a model … word"
        extra = {word for word in shown if not set(word) <= set("━╸╺")}
        assert extra <= known | {word.strip(",;:") for word in f"{said} 3) 4)".split()}
        assert set(words) <= shown

    def test_what_is_said_stays(self, monkeypatch):
        terminal = Terminal(monkeypatch)
        bar = make_display(True)
        assert isinstance(bar, Bar)
        bar.begin()
        bar.show(snapshot(n_done=1, total=3))
        bar.say("Ctrl-C: finishing [what] runs")
        bar.end(snapshot(n_done=2, total=3), "Ctrl-C was pressed")
        text = terminal.end()
        assert "Ctrl-C: finishing [what] runs" in text
        assert "2/3 trials, 0:00; ended as Ctrl-C was pressed" in text

    def test_what_trials_print_goes_where_it_went(self, monkeypatch, capsys):
        """A bar on the terminal must not draw into it what is piped to a file."""
        terminal = Terminal(monkeypatch)

        class Printing(Given):
            def evaluate(self, config, trial):
                sys.stdout.write(f"this is trial {trial.number}\n")
                return 0.0

        hpopt.optimize(Printing(), "random", trials=2)
        assert "this is trial" not in terminal.end()
        assert capsys.readouterr().out == "this is trial 0\nthis is trial 1\n"


class TestChoice:
    def test_silence_on_request(self, capsys):
        hpopt.optimize(Given(1), "random", trials=1, progress=False)
        assert capsys.readouterr() == ("", "")

    def test_one_of_your_own(self, capsys):
        stream = io.StringIO()
        hpopt.optimize(Given(1), "random", trials=1, progress=Lines(stream))
        assert "1/1 trials" in stream.getvalue()
        assert capsys.readouterr() == ("", "")

    def test_by_the_kernel(self, monkeypatch):
        class ZMQInteractiveShell:
            pass

        class Shell(ZMQInteractiveShell):
            """As Colab's."""

        ipython = types.SimpleNamespace(get_ipython=Shell)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        assert isinstance(make_display(True), Notebook)
        assert isinstance(make_display(True, io.StringIO()), Lines)
        monkeypatch.setattr(ipython, "get_ipython", lambda: None)
        assert isinstance(make_display(True), Lines)

    def test_by_the_terminal(self):
        assert isinstance(make_display(True), Lines)
        assert isinstance(make_display(False), Silent)

    def test_a_resumed_study_shows_where_it_stands(self, tmp_path, capsys):
        path = tmp_path / "study.db"
        hpopt.optimize(Given(1, 2, 3), "random", trials=2, study=path, progress=False)
        hpopt.optimize(Given(1, 2, 3), trials=3, study=path)
        first, *_, last = capsys.readouterr().err.splitlines()
        assert first.startswith("hpopt: 2/3 trials, 0:00; best value 1 (trial 0)")
        assert last.startswith("hpopt: 3/3 trials")

    def test_a_budget_that_is_spent_already_is_no_total(self, tmp_path, capsys):
        path = tmp_path / "study.db"
        hpopt.optimize(Given(1, 2, 3), "random", trials=3, study=path, progress=False)
        hpopt.optimize(Given(1, 2, 3), trials=2, study=path)
        lines = capsys.readouterr().err.splitlines()
        assert all(line.startswith("hpopt: 3 trials, 0:00; best") for line in lines)
        assert lines[-1].endswith("ended as 2 trials are done")

    def test_a_space_with_an_end_has_a_total(self, capsys):
        problem = Given(*range(9))
        problem.space = hpopt.Space({"x": hpopt.Int(1, 4)})
        hpopt.optimize(problem, "random", trials=50)
        assert "4/4 trials" in capsys.readouterr().err

    def test_a_space_beyond_counting_has_none(self, capsys):
        problem = Given(*range(9))
        problem.space = hpopt.Space({f"p{i}": hpopt.Int(1, 1000) for i in range(200)})
        hpopt.optimize(problem, "random", stop=hpopt.stopping.Plateau(2))
        assert "hpopt: 3 trials, 0:0" in capsys.readouterr().err
