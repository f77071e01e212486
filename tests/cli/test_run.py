import json
import os
import sys

import pytest

from hpopt import Study
from hpopt.cli import ExitCode
from hpopt.cli.parser import RUN_FILE
from hpopt.cli.run_file import RunFile


def numbers(path="hill.db"):
    return [trial.number for trial in Study.load(path).trials]


def test_run_searches_shows_the_best_and_says_what_comes_next(write_run, hpopt):
    code, out, err = hpopt("run", write_run())
    assert code == ExitCode.DONE
    assert numbers() == list(range(12))
    best = max(Study.load("hill.db").trials, key=lambda trial: trial.values["height"])
    title, heads, first, *rest = out.splitlines()
    assert title == "the best 5 of 12 trials, the highest height first"
    assert heads.split() == ["trial", "height", "seconds", "slope", "odd", "config"]
    assert first.split()[0] == str(best.number)
    assert json.dumps(best.config) in first
    assert len(rest) == 4
    assert "12 trials are done" in err
    assert "hpopt show hill.db" in err


def test_the_same_command_again_does_nothing_and_says_so(write_run, hpopt):
    run = write_run()
    _, first, _ = hpopt("run", run)
    code, again, err = hpopt("run", run)
    assert code == ExitCode.DONE
    assert again == first
    assert "going on with the study hill.db, which has 12 trials" in err
    assert len(numbers()) == 12


def test_options_win_over_the_file_and_resume_remembers_them(write_run, hpopt):
    run = write_run()
    code, *_ = hpopt(
        "run", run, "--trials", 5, "--seed", 8, "--study", "b.db", "--optimizer", "grid"
    )
    assert code == ExitCode.DONE
    header = Study.load("b.db").header
    assert (header["seed"], header["optimizer"]["name"]) == (8, "grid")
    assert numbers("b.db") == list(range(5))
    assert hpopt("resume", "b.db")[0] == ExitCode.DONE
    assert numbers("b.db") == list(range(5))
    assert hpopt("resume", "b.db", "--trials", 9)[0] == ExitCode.DONE
    assert numbers("b.db") == list(range(9))


def test_a_changed_run_file_is_what_resume_goes_by(write_run, hpopt):
    hpopt("run", write_run())
    hpopt("run", write_run(), "--trials", 13)
    assert hpopt("resume", "hill.db")[0] == ExitCode.DONE
    assert len(numbers()) == 13
    assert Study.load("hill.db").header["run"]["content"]["trials"] == 13


def test_resumed_is_as_if_it_had_never_stopped(write_run, hpopt):
    run = write_run()
    hpopt("run", run, "--study", "whole.db")
    hpopt("run", run, "--trials", 7)
    hpopt("resume", "hill.db", "--trials", 12, "--workers", 2)
    whole, parts = Study.load("whole.db").trials, Study.load("hill.db").trials
    assert [t.config for t in parts] == [t.config for t in whole]
    assert [t.solution.seed for t in parts] == [t.solution.seed for t in whole]


def test_resume_needs_neither_the_run_file_nor_its_working_directory(
    write_run, hpopt, tmp_path, monkeypatch
):
    run = write_run()
    hpopt("run", run, "--trials", 2)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run.toml").unlink()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert hpopt("resume", "../hill.db", "--trials", 4)[0] == ExitCode.DONE
    assert numbers("../hill.db") == [0, 1, 2, 3]


def test_quiet_shows_the_result_only(write_run, hpopt):
    code, out, err = hpopt("run", write_run(), "--quiet", "--workers", 2)
    assert code == ExitCode.DONE
    assert out.startswith("the best 5 of 12")
    assert err == ""


def test_without_a_study_file_the_trials_are_in_memory_and_it_says_so(write_run, hpopt, tmp_path):
    usual = 'trials = 3\n[problem]\nclass = "{name}.py:Hill"\n'
    code, out, err = hpopt("run", write_run(usual=usual))
    assert code == ExitCode.DONE
    assert out.startswith("the best 3 of 3")
    assert "in memory only" in err
    assert not list(tmp_path.glob("*.db"))


def test_json_says_the_same_as_toml(write_run, hpopt, tmp_path):
    hpopt("run", write_run())
    content = RunFile.read(tmp_path / "run.toml").content
    (tmp_path / "run.json").write_text(json.dumps({**content, "study": "json.db"}))
    assert hpopt("run", "run.json")[0] == ExitCode.DONE
    configs = [[t.config for t in Study.load(p).trials] for p in ("hill.db", "json.db")]
    assert configs[0] == configs[1]


def test_everything_of_a_run_file_arrives(write_run, hpopt):
    usual = """
study = "hill.db"
trials = 40
target = 6.5
workers = 2
executor = "processes"
window = 2
problem = {{ class = "{name}.py:Hill", arguments = {{ top = 7.0 }} }}
start = [{{ x = 1.0, kind = "flat" }}, {{ x = 0.5, kind = "flat" }}]

[optimizer]
name = "genetic"
population = 6

[limits]
seconds = 60
memory = "4GB"
"""
    code, _, err = hpopt("run", write_run(usual=usual), "--optimizer", "Genetic")
    assert code == ExitCode.DONE
    record = Study.load("hill.db")
    assert record.header["optimizer"]["settings"]["population"] == 6
    assert record.best.values["height"] >= 6.5
    assert "the target was 6.5" in err
    assert record.trial(0).config == {"x": 1.0, "kind": "flat"}
    assert record.trial(1).config == {"x": 0.5, "kind": "flat"}
    assert "evaluating 0" in record.output(0)


@pytest.mark.parametrize(
    ("rule", "said"),
    [("plateau = 1", "no better trial for"), ('timeout = "0s"', "the time of 0s is over")],
)
def test_other_ends(write_run, hpopt, rule, said):
    _, _, err = hpopt("run", write_run(rule + "\n"))
    assert said in err
    assert len(numbers()) < 12


def test_a_timeout_on_the_command_line(write_run, hpopt):
    code, _, err = hpopt("run", write_run(), "--timeout", "0")
    assert code == ExitCode.NO_VALUES
    assert "no trial has finished" in err


def test_space_changes_are_by_name(write_run, hpopt):
    after = """
    [space]
    x = { low = 0.5, high = 0.75 }
    n = { type = "ordinal", values = [3, 7], when = { kind = "steep" } }
    """
    assert hpopt("run", write_run(after=after))[0] == ExitCode.DONE
    trials = Study.load("hill.db").trials
    assert all(0.5 <= trial.config["x"] <= 0.75 for trial in trials)
    assert {t.config.get("n") for t in trials} == {None, 3, 7}
    assert {t.config["kind"] for t in trials} == {"flat", "steep"}


def test_a_finite_space_needs_no_budget_and_ends(write_run, hpopt):
    usual = 'optimizer = "grid"\nstudy = "hill.db"\n[problem]\nclass = "{name}.py:Hill"\n'
    after = '[space]\nx = { type = "ordinal", values = [0, 1, 2] }\nn = { high = 2 }\n'
    code, _, err = hpopt("run", write_run(usual=usual, after=after))
    assert code == ExitCode.DONE
    assert len(numbers()) == 3 * (1 + 2)
    assert "all 9 configurations" in err


def test_a_function_an_object_and_a_module_are_problems_too(write_run, hpopt, problem):
    for source in ("hill_problem.py:hill", "hill_problem:hill"):
        usual = f'trials = 2\nproblem = {{{{class = "{source}", arguments = {{{{top = 3}}}}}}}}\n'
        assert hpopt("run", write_run(usual=usual))[0] == ExitCode.DONE
    assert hpopt("run", write_run(usual='trials = 2\nproblem = "hill_problem.py:ready"\n'))[0] == 0
    package = problem.parent / "hills"
    package.mkdir()
    (package / "__init__.py").touch()
    problem.rename(package / "low.py")
    usual = 'trials = 2\nworkers = 2\nproblem = "hills.low:Hill"\n'
    assert hpopt("run", write_run(usual=usual))[0] == ExitCode.DONE


def test_a_problem_and_its_neighbours_work_in_worker_processes(folder, hpopt):
    (folder / "deep").mkdir()
    (folder / "deep" / "neighbour_of_dale.py").write_text("def square(x):\n    return x**2\n")
    (folder / "deep" / "dale.py").write_text(
        "import hpopt\n"
        "from neighbour_of_dale import square\n"
        "class Dale(hpopt.Problem):\n"
        '    space = hpopt.Space({"x": hpopt.Float(-1, 1)})\n'
        "    def evaluate(self, config, trial):\n"
        "        import neighbour_of_dale\n"
        '        return neighbour_of_dale.square(config["x"]) + square(0)\n'
    )
    (folder / "run.toml").write_text(
        'study = "dale.db"\ntrials = 4\nworkers = 2\nproblem = "deep/dale.py:Dale"\n'
    )
    assert hpopt("run", "run.toml")[0] == ExitCode.DONE
    assert all(trial.ok for trial in Study.load("dale.db").trials)


def test_no_values_is_an_exit_code_of_its_own(write_run, hpopt):
    run = write_run(after='arguments = { fails = ["all"] }')
    code, out, err = hpopt("run", run, "--fail-fast", 0)
    assert code == ExitCode.NO_VALUES
    assert out == ""
    assert "(12 failed); the last error, of trial 11, was ValueError: no value for 11" in err


def test_the_run_file_of_the_help_is_right(tmp_path):
    text = RUN_FILE.partition("works too):")[2]
    (tmp_path / "help.toml").write_text(text)
    run_file = RunFile.read(tmp_path / "help.toml")
    assert run_file.problem_source == "digits.py:Digits"
    assert run_file.problem_arguments == {"epochs": 20}
    assert run_file.optimizer_arguments == {"population": 12}
    assert run_file.content["limits"] == {"seconds": 120, "memory": "4GB"}


def test_a_run_file_with_a_byte_order_mark_is_read(write_run, hpopt, tmp_path):
    path = tmp_path / write_run()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert hpopt("run", path)[0] == ExitCode.DONE


def test_it_leaves_the_environment_alone(write_run, hpopt):
    before = dict(os.environ), list(sys.argv)
    hpopt("run", write_run())
    assert (dict(os.environ), list(sys.argv)) == before


def test_a_file_of_the_same_name_elsewhere_is_no_trouble(write_run, hpopt, folder, monkeypatch):
    (folder / "other").mkdir()
    (folder / "other" / "hill_problem.py").write_text("raise SystemExit('the wrong file')")
    monkeypatch.syspath_prepend(str(folder / "other"))
    assert hpopt("run", write_run(), "--workers", 2)[0] == ExitCode.DONE
    assert all(trial.ok for trial in Study.load("hill.db").trials)


class TestLearnFrom:
    """What an earlier study found is known from the start, and told to people."""

    def test_an_option_or_a_key(self, write_run, hpopt):
        run = write_run()
        hpopt("run", run, "--study", "earlier.db")
        code, _, err = hpopt("run", run, "--learn-from", "earlier.db", "--optimizer", "genetic")
        assert code == ExitCode.DONE
        assert "learned 12 of 12 trials of earlier.db" in err
        by_option = [trial.config for trial in Study.load("hill.db").trials]
        keys = 'learn_from = ["earlier.db"]'
        run = write_run(keys, name="known.toml")
        hpopt("run", run, "--study", "known.db", "--optimizer", "genetic")
        assert [trial.config for trial in Study.load("known.db").trials] == by_option

    def test_it_goes_on_without_the_earlier_one(self, write_run, hpopt, folder):
        run = write_run()
        hpopt("run", run, "--study", "earlier.db")
        run = write_run('learn_from = "earlier.db"')
        hpopt("run", run, "--trials", 3)
        (folder / "earlier.db").unlink()
        assert hpopt("run", run, "--trials", 5)[0] == ExitCode.DONE
        assert hpopt("resume", "hill.db", "--trials", 7)[0] == ExitCode.DONE
        assert numbers() == list(range(7))

    def test_what_does_not_fit_is_said(self, write_run, hpopt):
        hpopt("run", write_run(), "--study", "earlier.db")
        run = write_run(
            after="""
            [space]
            kind = { choices = ["steep"] }
            """
        )
        _, _, err = hpopt("run", run, "--learn-from", "earlier.db")
        assert "'kind' is out of this space's range" in err

    def test_a_study_that_is_not_there(self, write_run, hpopt, folder):
        code, _, err = hpopt("run", write_run(), "--learn-from", "nothing.db")
        assert code == ExitCode.ERROR
        assert "there is no" in err
        assert not (folder / "hill.db").exists()

    def test_a_key_of_another_kind(self, write_run, hpopt):
        code, _, err = hpopt("run", write_run("learn_from = 3"))
        assert code == ExitCode.ERROR
        assert "learn_from must be the path of a study file, or a list of paths, but got 3" in err

    def test_not_when_it_has_begun(self, write_run, hpopt):
        run = write_run()
        hpopt("run", run, "--study", "earlier.db", "--seed", 9)
        hpopt("run", run)
        code, _, err = hpopt("run", run, "--learn-from", "earlier.db")
        assert code == ExitCode.ERROR
        assert "learns from another before its first trial, but this one has 12" in err


def test_retries_and_early_stopping_reach_the_run(write_run, hpopt, monkeypatch):
    from hpopt.early_stopping import MedianRule

    given = []
    run = Study.run

    def noting(study, **settings):
        given.append((settings["retries"], settings["early_stopping"]))
        return run(study, **settings)

    monkeypatch.setattr(Study, "run", noting)
    before = 'retries = 3\nearly_stopping = { name = "median", warmup_steps = 1 }\n'
    assert hpopt("run", write_run(before))[0] == ExitCode.DONE
    assert hpopt("run", write_run(before), "--retries", 0, "--early-stopping", "median")[0] == 0
    assert hpopt("run", write_run())[0] == ExitCode.DONE
    assert given == [(3, MedianRule(1)), (0, MedianRule()), (1, None)]


def test_the_executor_may_be_a_table_with_its_settings(write_run, hpopt, folder):
    wrong = '[executor]\nname = "slurm"\nsubmit = "no-such-sbatch {script}"\n'
    code, _, err = hpopt("run", write_run(after=wrong))
    assert code == ExitCode.ERROR
    assert "submit must be a command that can be run here, but there is no 'no-such-sbatch'" in err
    code, _, err = hpopt("run", write_run(after='[executor]\nname = "serial"\ntime = "4h"\n'))
    assert "executor 'serial' must have no arguments of its own, but got time" in err
    assert not (folder / "hill.db").exists()
