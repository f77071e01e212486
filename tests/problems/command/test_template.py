"""How a command is filled: with any value, without a shell and with one."""

import shlex
import subprocess
import sys

import pytest

from hpopt import Categorical, Float, Int, Sequence
from hpopt.errors import ProblemError, UnknownNameError
from hpopt.problems import CommandProblem

HOSTILE = "a 'b' \"c\" $HOME `id` ; rm -rf & | \\ \n * ~ {x} é"
SPACE = {
    "lr": Float(-1, 1),
    "n": Int(1, 9),
    "on": Categorical([True, False]),
    "name": Categorical([HOSTILE, "x"]),
    "layers": Sequence({"units": Int(1, 9)}, 1, 3),
    "momentum": Float(0, 1, when={"on": True}),
}
CONFIG = {"lr": -1e-05, "n": 3, "on": False, "name": HOSTILE, "layers": [{"units": 4}]}
FACTS = {"number": "7", "seed": "1", "directory": "/d", "config": "/d/config.json"}


def argv(command, config=CONFIG, *, space=SPACE, arguments="", **settings):
    return CommandProblem(command, space, arguments=arguments, **settings).call.argv(config, FACTS)


def test_each_value_is_one_argument_whatever_it_holds():
    found = argv("echo --lr {lr} --n={n} {on} 'a b' {name} {layers} pre{n}post {{n}}")
    assert found == [
        *["echo", "--lr", "-0.00001", "--n=3", "false", "a b", HOSTILE],
        *['[{"units":4}]', "pre3post", "{n}"],
    ]
    assert argv(["echo", "a b", "{name}"]) == ["echo", "a b", HOSTILE]


def test_a_shell_gets_the_same_arguments(tmp_path):
    program = shlex.quote("import sys, json; print(json.dumps(sys.argv[1:]))").replace("{", "{{")
    command = f"{sys.executable} -S -c {program} --lr {{lr}} {{name}} ${{HOME}} {{layers}} | cat"
    ran = subprocess.run(
        argv(command, shell=True), capture_output=True, text=True, env={"HOME": "/home"}, check=True
    )
    assert eval(ran.stdout) == ["--lr", "-0.00001", HOSTILE, "/home", '[{"units":4}]']


def test_inactive_parameters_are_left_out_with_their_option():
    command = "echo --momentum {momentum} -m={momentum} a {momentum} -- {momentum} {n}"
    assert argv(command) == ["echo", "a", "--", "3"]
    active = {**CONFIG, "on": True, "momentum": 0.5}
    assert argv("echo -m {momentum}", active) == ["echo", "-m", "0.5"]
    assert argv("echo -m {momentum} | cat", shell=True)[2].split() == ["echo", "|", "cat"]


@pytest.mark.parametrize(
    ("form", "settings", "expected"),
    [
        ("--{name}={value}", {}, ["--on=true", "--k=null"]),
        ("--{name} {value}", {}, ["--on", "true", "--k", "null"]),
        ("{name}={value}", {"words": "python"}, ["on=True", "k=None"]),
        ("--{name}={value}", {"words": "r"}, ["--on=TRUE", "--k=NULL"]),
        ("--{name} {value}", {"flags": True}, ["--on", "--k", "null"]),
        ("++{name}={value}", {"flags": True}, ["++on", "++k=null"]),
    ],
)
def test_arguments_are_generated_for_what_the_command_does_not_name(form, settings, expected):
    space = {"n": Int(1, 9), "on": Categorical([True, False]), "k": Categorical([None, 1])}
    config = {"n": 3, "on": True, "k": None}
    found = argv("echo {arguments} {n}", config, space=space, arguments=form, **settings)
    assert found == ["echo", *expected, "3"]
    assert argv("echo {n}", config, space=space, arguments=form, **settings)[2:] == expected
    assert argv("echo {n}", config, space=space, arguments=form, shell=True, **settings)[
        2
    ] == shlex.join(["echo", "3", *expected])


def test_false_flags_are_left_out():
    space = {"on": Categorical([True, False])}
    found = argv("echo", {"on": False}, space=space, arguments="--{name}={value}", flags=True)
    assert found == ["echo"]


def test_a_parameter_comes_before_what_the_trial_has():
    space = {"seed": Int(1, 9), "o": Categorical([True, False])}
    assert argv("echo {seed} {number}", {"seed": 3, "o": True}, space=space) == ["echo", "3", "7"]


WRONG = {
    "echo {nn}": "did you mean 'n'?",
    "echo {fidelity}": "unknown field in the command 'fidelity'",
    "awk '{print $1}'": "write {{ and }} for braces of its own",
    "echo {n": "a brace in a command must enclose a name",
    "echo 'n": "must have its quotes in pairs",
    "echo x{arguments}": "{arguments} must be a word of its own",
    "echo {arguments}": "needs the form of one argument",
    "echo {lr}": "'n' does not: write {n} in it",
    "": "must be text or a list of words",
    "no_such_program_at_all {config}": "there is none: check its name and PATH",
}


@pytest.mark.parametrize(("command", "said"), WRONG.items())
def test_what_is_wrong_is_said_at_once(command, said):
    with pytest.raises((ProblemError, UnknownNameError)) as caught:
        CommandProblem(command, SPACE)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo '{n}'", "must stand outside quotes"),
        ('echo "a {n}"', "must stand outside quotes"),
        ("echo {momentum}; ls", "it must have blanks around it"),
        ("echo {n} 'a", "must have its quotes in pairs"),
        (["echo", "{n}"], "must be text with shell=True"),
    ],
)
def test_a_shell_gets_no_field_that_could_run(command, said):
    with pytest.raises(ProblemError, match=said):
        CommandProblem(command, SPACE, shell=True, arguments="")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"arguments": "--{name}"}, "must be the form of one argument"),
        ({"pattern": "("}, "must be a regular expression"),
        ({"pattern": "x", "result_file": "r"}, "but got both"),
        ({"exit_codes": {"x": "failed"}}, "must be from 1 to 255"),
        ({"exit_codes": {1: "complete"}}, "must be one of failed"),
        ({"environment": {"A": 1}}, "write '1' in quotes"),
        ({"environment": {"A": "{nn}"}}, "did you mean"),
        ({"grace": 0}, "grace must be a positive number"),
        ({"stop_by": "mail"}, "known are 'file', 'signal'"),
        ({"words": "c"}, "unknown words 'c'"),
        ({"folder": "/no/such"}, "folder must be a folder"),
        ({"output_bytes": 3}, "output_bytes must be an int of at least 1000"),
        ({"flags": 1}, "flags must be True or False"),
    ],
)
def test_settings_are_checked(settings, said):
    with pytest.raises((ProblemError, UnknownNameError, ValueError), match=said):
        CommandProblem("echo {n}", {"n": Int(1, 9)}, **settings)


def test_an_executable_of_the_folder_is_found(tmp_path):
    script = tmp_path / "train.sh"
    script.write_text("#!/bin/sh\necho 1\n")
    with pytest.raises(ProblemError, match="it is not executable: chmod"):
        CommandProblem("./train.sh {n}", {"n": Int(1, 9)}, folder=tmp_path)
    script.chmod(0o755)
    assert CommandProblem("./train.sh {n}", {"n": Int(1, 9)}, folder=tmp_path).folder == tmp_path
