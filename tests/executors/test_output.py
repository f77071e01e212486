"""What a process prints while a call runs in it is taken, whoever prints it."""

import contextlib
import ctypes
import os
import subprocess
import sys

import pytest

from hpopt.executors import SerialExecutor
from hpopt.executors.supervision import output
from hpopt.executors.supervision.output import Captured

from .conftest import wait_until


@pytest.fixture
def streams(tmp_path):
    """Have stdout and stderr lead to files, past pytest, in a block; read them."""

    @contextlib.contextmanager
    def led_to_files():
        with contextlib.ExitStack() as undo:
            for number, name in enumerate(("stdout", "stderr"), 1):
                undo.callback(os.close, copy := os.dup(number))
                undo.callback(os.dup2, copy, number)
                with (tmp_path / name).open("w") as file:
                    os.dup2(file.fileno(), number)
                undo.callback(setattr, sys, name, getattr(sys, name))
                setattr(sys, name, undo.enter_context(os.fdopen(number, "w", closefd=False)))
            yield

    led_to_files.read = lambda: [(tmp_path / name).read_text() for name in ("stdout", "stderr")]
    return led_to_files


def say(text, file=None):
    (file or sys.stdout).write(f"{text}\n")


def test_it_takes_what_python_c_code_and_children_print(streams):
    with streams():
        say("before")
        with Captured() as captured:
            say("stdout")
            say("stderr", sys.stderr)
            os.write(1, b"file 1\n")
            os.write(2, b"file 2\n")
            subprocess.run([sys.executable, "-c", "print('child')"], check=True)
            ctypes.CDLL(None).puts(b"C")
        say("after")
    assert sorted(captured.text.split()) == [
        "1",
        "2",
        "C",
        "child",
        "file",
        "file",
        "stderr",
        "stdout",
    ]
    assert streams.read() == ["before\nafter\n", ""]


def test_it_keeps_the_end_and_gives_the_streams_back_when_an_error_passes(streams, nothing_left):
    captured = Captured()
    with streams():
        with pytest.raises(KeyboardInterrupt), captured:
            say("x" * 30_000 + "end")
            raise KeyboardInterrupt
        say("after")
    assert captured.text == "x" * 19_996 + "end\n"
    assert streams.read() == ["after\n", ""]


def test_a_flood_does_not_fill_the_disk(streams, monkeypatch):
    monkeypatch.setattr(output, "TRIM_SECONDS", 0.01)
    monkeypatch.setattr(output, "TRIMMED_ABOVE", 100_000)
    with streams(), Captured() as captured:
        say("x" * 200_000)
        sys.stdout.flush()
        is_trimmed = wait_until(lambda: os.fstat(1).st_size <= 100_000)
        say("end")
    assert is_trimmed
    assert len(captured.text) == 20_000
    assert captured.text.endswith("x\nend\n")


def test_a_question_gets_no_answer(streams):
    with streams(), Captured():
        answer = os.read(0, 1)
    assert answer == b""


def test_the_serial_executor_keeps_it_with_the_call(streams):
    def fail():
        say("failing")
        raise ValueError

    with streams(), SerialExecutor(keep_output=True) as executor:
        futures = [executor.submit(say, "one"), executor.submit(fail), executor.submit(int)]
        assert SerialExecutor().submit(say, "shown").output == ""
    assert [future.output for future in futures] == ["one\n", "failing\n", ""]
    assert isinstance(futures[1].exception(), ValueError)
    assert streams.read() == ["shown\n", ""]
