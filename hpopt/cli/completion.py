"""``hpopt completion``: scripts that complete commands and options in a shell.

They are written from the parser, and hold all they need: pressing Tab starts no Python, which
would take longer than people wait.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.plot import ALL, KINDS
from hpopt.early_stopping import BY_NAME
from hpopt.optimizers.registry import CLASSES

EXAMPLE = """\
examples:
  source <(hpopt completion bash)      in ~/.bashrc
  source <(hpopt completion zsh)       in ~/.zshrc, after compinit
  hpopt completion fish > ~/.config/fish/completions/hpopt.fish
"""

VALUES = {"--optimizer": tuple(CLASSES), "--early-stopping": tuple(BY_NAME)}
"""Values of options that the parser leaves open, as they may be written in several ways."""


@dataclass(frozen=True)
class Option:
    """An option of a command: its names, help, whether it takes a value, and which ones."""

    names: tuple[str, ...]
    help: str
    takes_value: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A command: its name, help, options, and words that may stand for its arguments."""

    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...]


def add_completion(
    add: Callable[..., argparse.ArgumentParser], parser: argparse.ArgumentParser
) -> None:
    """Add the command to a parser, whose commands it completes."""
    command = add(
        "completion", completion, "print a script that completes commands in a shell", EXAMPLE
    )
    command.set_defaults(tree=parser)
    command.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")


def completion(arguments: argparse.Namespace) -> ExitCode:
    """Print the script for a shell."""
    sys.stdout.write(SHELLS[arguments.shell](commands_of(arguments.tree)))
    return ExitCode.DONE


def commands_of(parser: argparse.ArgumentParser) -> list[Command]:
    """Return the commands of a parser."""
    found = []
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        summaries = {each.dest: each.help for each in action._choices_actions}
        for name, command in action.choices.items():
            options = tuple(_option(each) for each in command._actions if each.option_strings)
            closed = [each.choices for each in command._actions if not each.option_strings]
            words = tuple(str(word) for choices in closed if choices for word in choices)
            words += (*KINDS, ALL) if name == "plot" else ()
            found.append(Command(name, summaries.get(name) or "", options, words))
    return found


def _option(action: argparse.Action) -> Option:
    values = next((VALUES[name] for name in action.option_strings if name in VALUES), ())
    closed = tuple(map(str, action.choices)) if action.choices else ()
    names, text = tuple(action.option_strings), (action.help or "").replace("%%", "%")
    return Option(names, text, action.nargs != 0, values or closed)


def _bash(commands: Iterable[Command]) -> str:
    commands = list(commands)
    values = [
        f"    '{command.name} {name}') words='{' '.join(option.values)}' ;;"
        for command in commands
        for option in command.options
        if option.values
        for name in option.names
    ]
    options = [
        f"    {c.name}) options='{' '.join(n for o in c.options for n in o.names)}' "
        f"words='{' '.join(c.words)}' ;;"
        for c in commands
    ]
    return "\n".join(
        [
            "_hpopt() {",
            '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"',
            '  local command="${COMP_WORDS[1]}" options="" words=""',
            "  COMPREPLY=()",
            '  if [ "$COMP_CWORD" -eq 1 ]; then',
            f"    words='{' '.join(c.name for c in commands)} --help --version --debug'",
            '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "    return",
            "  fi",
            '  case "$command" in',
            *options,
            "  esac",
            '  case "$command $previous" in',
            *values,
            "  esac",
            '  case "$current" in -*) words="$options" ;; esac',
            '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "}",
            "complete -o default -F _hpopt hpopt",
            "",
        ]
    )


def _zsh(commands: Iterable[Command]) -> str:
    commands = list(commands)
    cases = []
    for command in commands:
        rows = [_zsh_option(option, name) for option in command.options for name in option.names]
        words = f"'*: :{{ compadd -- {' '.join(command.words)}; _files }}'"
        rows.append(words if command.words else "'*: :_files'")
        cases += [f"    {command.name}) _arguments \\", "      " + " \\\n      ".join(rows) + " ;;"]
    listed = [f"    {_quoted(f'{each.name}:{each.help}')}" for each in commands]
    return "\n".join(
        [
            "#compdef hpopt",
            "_hpopt() {",
            "  local -a commands",
            "  commands=(",
            *listed,
            "  )",
            "  if (( CURRENT == 2 )); then",
            "    _describe command commands",
            "    return",
            "  fi",
            "  shift words",
            "  (( CURRENT-- ))",
            '  case "$words[1]" in',
            *cases,
            "  esac",
            "}",
            "compdef _hpopt hpopt",
            "",
        ]
    )


def _zsh_option(option: Option, name: str) -> str:
    text = option.help.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    value = f": :({' '.join(option.values)})" if option.values else ": :_files"
    return _quoted(f"{name}[{text.replace(':', ' -')}]{value if option.takes_value else ''}")


def _fish(commands: Iterable[Command]) -> str:
    lines = []
    for command in commands:
        lines.append(
            "complete -c hpopt -f -n __fish_use_subcommand "
            f"-a {command.name} -d {_fish_quoted(command.help)}"
        )
        seen = f"complete -c hpopt -n '__fish_seen_subcommand_from {command.name}'"
        for option in command.options:
            names = " ".join(f"-{_kind(name)} {name.lstrip('-')}" for name in option.names)
            value = f" -x -a '{' '.join(option.values)}'" if option.values else " -r"
            value = value if option.takes_value else ""
            lines.append(f"{seen} {names}{value} -d {_fish_quoted(option.help)}")
        if command.words:
            lines.append(f"{seen} -a '{' '.join(command.words)}'")
    return "\n".join([*lines, ""])


def _kind(name: str) -> str:
    return "l" if name.startswith("--") else "s"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: dict[str, Callable[[Iterable[Command]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
