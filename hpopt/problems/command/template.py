"""Commands with fields such as ``{lr}``: read once, filled for each trial."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hpopt.errors import ProblemError, UnknownNameError

FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
SHELL_FIELD = re.compile(r"\$\{[^{}]*\}|" + FIELD.pattern)  # ${HOME} is the shell's own
SHELL_WORD = re.compile(r"((?:'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|[^\s\\'\"])+)(\s*)", re.DOTALL)
QUOTED = re.compile(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
ARGUMENTS = "arguments"  # the field that stands for all generated arguments
OPERATORS = frozenset(";|&<>()`")  # of the shell: what no word may take along that is left out


@dataclass(frozen=True, slots=True)
class Field:
    """A place in a word that a value goes into."""

    name: str


Word = tuple[str | Field, ...]
"""A word of a command: its text and its fields, in order."""


def read_word(text: str, form: re.Pattern[str] = FIELD) -> Word:
    """Return a word with its fields; ``{{`` and ``}}`` stand for braces.

    Raises
    ------
    ProblemError
        A brace is left over.
    """
    pieces: list[str | Field] = []
    end = 0
    for found in form.finditer(text):
        pieces.append(text[end : found.start()])
        end = found.end()
        if found[1] is not None:
            pieces.append(Field(found[1]))
        elif found[0] in ("{", "}"):
            raise ProblemError(
                f"a brace in a command must enclose a name, as in {{lr}}, but got {text!r}: write "
                "{{ or }} for a brace of its own"
            )
        else:
            pieces.append(found[0][0] if found[0] in ("{{", "}}") else found[0])
    pieces.append(text[end:])
    return tuple(piece for piece in pieces if piece != "")


def fields_in(words: Iterable[Word]) -> set[str]:
    """Return the names of all fields of some words."""
    return {piece.name for each in words for piece in each if isinstance(piece, Field)}


def check_fields(words: Iterable[Word], known: Collection[str], where: str) -> None:
    """Raise UnknownNameError for a field that stands for nothing; suggests the nearest."""
    for name in sorted(fields_in(words)):
        if name not in known:
            is_text = re.fullmatch(r"[\w. -]+", name) is None  # a set or a block of code
            hint = "write {{ and }} for braces of its own;" if is_text else None
            raise UnknownNameError(f"field in {where}", name, known, hint)


def filled(each: Word, texts: Mapping[str, str]) -> str:
    """Return a word with a text in each field."""
    return "".join(piece if isinstance(piece, str) else texts[piece.name] for piece in each)


def are_kept(words: Sequence[Word], texts: Mapping[str, str]) -> list[bool]:
    """Return which words stay: not those with a field that has no text.

    Where such a field is the whole word, the option before it goes too, as in ``--lr {lr}``.
    """
    kept = [fields_in([each]) <= texts.keys() for each in words]
    for place, each in enumerate(words[1:], 1):
        if not kept[place] and len(each) == 1 and _is_option(words[place - 1]):
            kept[place - 1] = False
    return kept


def _is_option(each: Word) -> bool:
    text = each[0] if len(each) == 1 else None
    return isinstance(text, str) and text.startswith("-") and text.strip("-") != ""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The words of a command that is started without a shell."""

    words: tuple[Word, ...]

    @classmethod
    def read(cls, command: str | Sequence[str]) -> CommandLine:
        """Read a text, which is split as a shell would, or a list of words."""
        if isinstance(command, str):
            try:
                command = shlex.split(command)
            except ValueError as error:
                raise ProblemError(
                    f"a command must have its quotes in pairs, but got {command!r} ({error})"
                ) from None
        words = tuple(map(read_word, command))
        if any(len(each) > 1 and ARGUMENTS in fields_in([each]) for each in words):
            raise ProblemError("{arguments} must be a word of its own, as it becomes several words")
        return cls(words)

    @property
    def program(self) -> str | None:
        """The program, where it is the same in all trials."""
        first = self.words[0]
        return first[0] if len(first) == 1 and isinstance(first[0], str) else None

    def argv(self, texts: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
        """Return what to start, with generated arguments at their field, or at the end."""
        found: list[str] = []
        place = (Field(ARGUMENTS),)
        kept = are_kept(self.words, {**texts, ARGUMENTS: ""})
        for each, is_kept in zip(self.words, kept, strict=True):
            if each == place:
                found.extend(arguments)
            elif is_kept:
                found.append(filled(each, texts))
        return found if place in self.words else [*found, *arguments]


@dataclass(frozen=True, slots=True)
class ShellLine:
    """A command for ``/bin/sh``, in which every value is quoted.

    Attributes
    ----------
    words : tuple of Word
    blanks : tuple of str
        What stands behind each word.
    """

    words: tuple[Word, ...]
    blanks: tuple[str, ...]
    program = None

    @classmethod
    def read(cls, command: str, conditional: Collection[str]) -> ShellLine:
        """Read a text; `conditional` names the parameters that some configs lack.

        Raises
        ------
        ProblemError
            Quotes are not in pairs, a field stands within quotes, or an operator is in a word that
            may be left out.
        """
        found = SHELL_WORD.findall(command.strip())
        if "".join(text + blank for text, blank in found) != command.strip():
            raise ProblemError(f"a command must have its quotes in pairs, but got {command!r}")
        words = []
        for text, _ in found:
            each = read_word(text, SHELL_FIELD)
            if inside := fields_in(read_word(part, SHELL_FIELD) for part in QUOTED.findall(text)):
                raise ProblemError(
                    f"{{{min(inside)}}} must stand outside quotes with shell=True, as its value "
                    f"is quoted already, but got {text}"
                )
            lacking = fields_in([each]) & {*conditional}
            if lacking and OPERATORS & {*QUOTED.sub("", text)}:
                raise ProblemError(
                    f"{{{min(lacking)}}} is left out where it is inactive, so that with shell=True "
                    f"it must have blanks around it, but got {text}"
                )
            words.append(each)
        return cls(tuple(words), tuple(blank for _, blank in found))

    def argv(self, texts: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
        """Return what to start: the shell, with the text."""
        quoted = {name: shlex.quote(text) for name, text in texts.items()}
        quoted[ARGUMENTS] = shlex.join(arguments)
        kept = are_kept(self.words, quoted)
        text = "".join(
            (filled(each, quoted) if is_kept else "") + blank
            for each, blank, is_kept in zip(self.words, self.blanks, kept, strict=True)
        )
        if ARGUMENTS not in fields_in(self.words) and arguments:
            text += f" {quoted[ARGUMENTS]}"
        return ["/bin/sh", "-c", text]
