import re
import sys

import pytest

from hpopt import Study
from hpopt.cli import ExitCode

FAILING = 'arguments = { fails = ["all"] }'


def statuses():
    return [trial.status for trial in Study.load("hill.db").trials]


@pytest.mark.parametrize("options", [(), ("--workers", 2)])
def test_a_run_that_cannot_succeed_ends_with_the_reason(write_run, hpopt, options):
    code, out, err = hpopt("run", write_run(after=FAILING), *options)
    assert (code, out) == (ExitCode.NO_VALUES, "")
    shown = r"hpopt: trial (\d) failed: ValueError: no value for \1 \(hill_problem.py, line \d+\); "
    assert re.findall(shown + r"see: hpopt show hill.db --trial \1\n", err)
    assert re.search("error: the run has ended, as [3-9] trials failed alike", err)
    assert "--retry-failed" in err
    assert "Traceback" not in err
    assert set(statuses()) == {"failed"}
    assert 3 <= len(statuses()) < 12


def test_without_a_file_the_traceback_is_shown(write_run, hpopt):
    usual = 'trials = 9\n[problem]\nclass = "{name}.py:Hill"\n'
    _, _, err = hpopt("run", write_run(usual=usual, after=FAILING))
    assert "raise ValueError" in err


@pytest.mark.parametrize("option", [True, False])
def test_how_many_must_fail(write_run, hpopt, option):
    run = write_run("" if option else "fail_fast = 2\n", FAILING)
    options = ("--fail-fast", 2) if option else ()
    assert hpopt("run", run, *options)[0] == ExitCode.NO_VALUES
    assert len(statuses()) == 2
    hpopt("resume", "hill.db", "--fail-fast", 0)
    assert len(statuses()) == 12


def test_a_wrong_number_is_an_error_before_anything_runs(write_run, hpopt, folder):
    code, _, err = hpopt("run", write_run(), "--fail-fast", -1)
    assert code == ExitCode.ERROR
    assert "fail_fast must be an int of at least 0" in err
    assert not (folder / "hill.db").exists()


@pytest.mark.parametrize("command", [("run", "run.toml"), ("resume", "hill.db")])
def test_failed_trials_are_evaluated_again_when_the_problem_is_mended(
    write_run, hpopt, problem, command
):
    write_run()
    text = problem.read_text()
    problem.write_text(text.replace("slope = config.get", "slope = confg.get"))
    assert hpopt("run", "run.toml")[0] == ExitCode.NO_VALUES
    seeds = [trial.solution.seed for trial in Study.load("hill.db").trials]
    problem.write_text(text)
    del sys.modules[problem.stem]
    code, _, err = hpopt(*command, "--retry-failed")
    assert code == ExitCode.DONE
    assert "which has 3 trials, 3 of which failed and are evaluated again" in err
    assert statuses() == ["complete"] * 12
    assert [trial.solution.seed for trial in Study.load("hill.db").trials[:3]] == seeds


def test_how_to_is_said_where_some_failed(write_run, hpopt):
    run = write_run(after="arguments = { fails = [3] }")
    _, _, err = hpopt("run", run)
    assert "hpopt: 1 failed; to evaluate them again: hpopt resume hill.db --retry-failed" in err
    assert statuses().count("failed") == 1
    assert "--retry-failed" not in hpopt("run", write_run(), "--retry-failed")[2]
    assert statuses().count("failed") == 0


def test_early_stopping_of_several_objectives_is_an_error_before_anything_runs(
    write_run, hpopt, problem, folder
):
    text = problem.read_text().replace("objectives = ", "objectives = hpopt.Objective('slope'), ")
    problem.write_text(text)
    code, _, err = hpopt("run", write_run(), "--early-stopping", "median")
    assert code == ExitCode.ERROR
    assert "MedianRule must have one objective" in err
    assert 'early_stopping="dominance"' in err
    assert "['slope', 'height']" in err
    assert not (folder / "hill.db").exists()
