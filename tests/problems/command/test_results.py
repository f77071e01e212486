"""What is read in a command's output: reports, the result, and what is neither."""

import math
import re

import pytest

from hpopt.problems.command.output_file import OutputFile
from hpopt.problems.command.results import MOST_LINE, Lines, ResultReader, Tail


def read(*lines, objectives=("loss",), patterns=None):
    compiled = {name: re.compile(text) for name, text in (patterns or {}).items()}
    reader = ResultReader(objectives, compiled)
    reports = [report for line in lines if (report := reader.read(line)) is not None]
    return reader.result, reports


def test_the_last_json_is_the_result_and_earlier_ones_with_a_step_are_reports():
    result, reports = read(
        "starting",
        '{"step": 1, "loss": 3, "lr": 0.1}',
        '{"step": 2, "loss": NaN}',
        '{"step": "train", "loss": 9}',
        '{"step": 3}',
        '{"loss": 0.5, "size": 3, "note": "x"}',
        '{"event": "saved"}',
        "done",
    )
    assert result == {"loss": 0.5, "size": 3, "note": "x"}
    assert [step for step, _ in reports] == [1, 2]
    assert reports[0][1] == {"loss": 3}
    assert math.isnan(reports[1][1]["loss"])


def test_the_last_report_is_the_result_where_nothing_comes_after_it():
    assert read('{"step": 4, "loss": 1.5}') == ({"loss": 1.5}, [(4.0, {"loss": 1.5})])


@pytest.mark.parametrize("text", ["0.25", " .25 ", "2.5e-1", "25E-2"])
def test_a_number_alone_is_a_result_of_one_objective(text):
    assert read("epoch 1", text)[0] == 0.25
    assert read(text, objectives=("a", "b"))[0] is None


@pytest.mark.parametrize("text", ["nan", "NaN", "-inf", "Infinity"])
def test_what_is_not_finite_is_read(text):
    assert not math.isfinite(read(text)[0])


@pytest.mark.parametrize(
    "text",
    [
        '{"loss": 0.',
        "[1] 0.25",
        '"0.25"',
        "1 2",
        "0x10",
        "{}{}",
        "[" * 9999,
        "1_000",
        "{" * 9999 + "}",
    ],
)
def test_what_is_no_result(text):
    assert read(text)[0] is None


def test_patterns_take_the_last_match_and_steps():
    patterns = {"loss": r"loss[:=] *(\S+)", "step": r"[Ee]poch (\d+)"}
    lines = ["Epoch 1", "  loss: 3.5", "Epoch 2: loss=nan", "Epoch 3"]
    result, reports = read(*lines, patterns=patterns)
    assert math.isnan(result["loss"])
    assert [step for step, _ in reports] == [1, 2]
    assert read("loss: abc", patterns=patterns)[0] == {"loss": "abc"}
    assert read("none", patterns=patterns)[0] is None


def test_lines_of_any_bytes():
    lines = Lines()
    found = list(lines.feed(b"  10%\r 100%\r{}\r\n\xff\xfe"))
    found += lines.feed(b"x\n\nhal")
    assert [*found, *lines.feed(b"f"), *lines.end(), *lines.end()] == ["{}", "��x", "", "half"]


def test_a_line_that_is_too_long_is_left_out():
    lines = Lines()
    found = [line for _ in range(5) for line in lines.feed(b"x" * (MOST_LINE // 2))]
    assert found == []
    assert list(lines.feed(b"x\nnext\n")) == ["next"]
    assert list(lines.feed(b"x" * (MOST_LINE + 1) + b"\n1\n")) == ["1"]


def test_the_reason_is_an_exception_alone_or_some_lines():
    tail = Tail()
    for line in ["Traceback (most recent call last):", "  raise", "ValueError: too large", ""]:
        tail.add(line)
    assert tail.reason == "ValueError: too large"
    tail = Tail()
    for line in ["a", "Error in f(x) : ", "  no data", "Execution halted"]:
        tail.add(line)
    assert tail.reason == "Error in f(x) : | no data | Execution halted"


def test_output_keeps_its_beginning_and_its_end(tmp_path):
    path = tmp_path / "output.txt"
    output = OutputFile(path, 10_000)
    for number in range(5000):
        output.write(b"line %d\n" % number)
    output.close()
    lines = path.read_text().splitlines()
    assert path.stat().st_size <= 10_000
    assert lines[0] == "line 0"
    assert lines[-1] == "line 4999"
    assert any("left out" in line for line in lines)
    output = OutputFile(path, 10_000, append=True)
    output.write(b"again")
    output.close()
    assert path.read_text().endswith("line 4999\nagain")
