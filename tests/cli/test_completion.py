"""``hpopt completion``: scripts for bash, zsh and fish."""

import shutil
import subprocess

import pytest

from hpopt.cli.completion import commands_of
from hpopt.cli.parser import make_parser
from hpopt.optimizers.registry import CLASSES


@pytest.fixture
def script(hpopt, folder):
    def write(shell):
        code, out, err = hpopt("completion", shell)
        assert (code, err) == (0, "")
        (folder / "script").write_text(out)
        return folder / "script"

    return write


def shell(name, *arguments, folder):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run(
        [path, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


WORDS = {
    "hpopt r": ["report", "resume", "run"],
    "hpopt run --tr": ["--trials"],
    "hpopt run x.toml --optimizer quasi": ["quasi_random"],
    "hpopt plot study.db learning": ["learning_curves"],
    "hpopt init --template k": ["keras"],
    "hpopt completion z": ["zsh"],
    "hpopt tell study.db 3 --st": ["--step", "--stopped"],
}


def test_bash(script, folder):
    script("bash")
    lines = [
        f"COMP_WORDS=({words}); COMP_CWORD={words.count(' ')}; _hpopt; echo ${{COMPREPLY[@]}}"
        for words in WORDS
    ]
    said = shell("bash", "-euc", "\n".join(["source ./script", *lines]), folder=folder)
    assert [sorted(line.split()) for line in said.splitlines()] == list(WORDS.values())


def test_fish(script, folder):
    script("fish")
    for words, expected in WORDS.items():
        said = shell("fish", "-Nc", f"source script; complete -C '{words}'", folder=folder)
        assert sorted(line.split("\t")[0] for line in said.splitlines()) == expected


def test_zsh(script, folder):
    shell("zsh", "-n", str(script("zsh")), folder=folder)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_all_there_is_in_each(script, shell):
    text = script(shell).read_text()
    for command in commands_of(make_parser()):
        for name in [command.name, *(n for option in command.options for n in option.names)]:
            assert name.lstrip("-") in text
    assert all(name in text for name in CLASSES)


def test_commands_have_their_help():
    found = {command.name: command for command in commands_of(make_parser())}
    assert {"run", "ask", "tell", "show", "init", "completion"} <= found.keys()
    assert all(command.help for command in found.values())
    (option,) = [each for each in found["run"].options if "--optimizer" in each.names]
    assert option.takes_value
    assert option.values == tuple(CLASSES)
    (quiet,) = [each for each in found["run"].options if "--quiet" in each.names]
    assert not quiet.takes_value
