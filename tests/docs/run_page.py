"""Run the code blocks of a page of the docs, from its top to its bottom, in the current folder.

    python run_page.py PAGE            say where a block does not do what the page says
    python run_page.py PAGE PAGE …     the same of several, each in a folder of its own
    python run_page.py --write PAGE    write what blocks print into the page, where it differs

The language of a block says what is done with it:

    python   runs in the one namespace of the page, which is `__main__`
    output   is what the block before it must print; ``...`` stands for anything
    sh       runs in bash, where `python` and `hpopt` are those of this interpreter
    toml     is checked as a run file by the command line's own loader
    json     is read
    text     is only looked at by people

A comment on the line above a block says what is special about it, ``<!-- exit: 2 -->``:

    file: NAME       write it to this file in place of running it
    raises: NAME     it must raise this error; the output is then "NAME: message"
    exit: CODE       its last command must end with this exit code; the output has stderr too
    needs: MODULE    leave it out where this module is not installed
    not run: WHY     leave it out
"""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import traceback
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("python", "output", "sh", "toml", "json", "yaml", "text")
MARKS = ("file", "raises", "exit", "needs", "not run")
SKIPPED = 77
"""The exit code that says that all is well, but some blocks were left out."""

FENCE = re.compile(r"^(?P<fence>```+|~~~+)(?P<info>.*)$")
COMMENT = re.compile(r"^<!-- (?P<mark>[a-z ]+): (?P<value>.+) -->$")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A code block: what it is, what is special about it, and the line before its first."""

    language: str
    marks: dict[str, str]
    text: str
    line: int


class WrongPageError(Exception):
    """Say what is wrong with a page."""


def blocks_of(page: Path) -> Iterator[Block]:
    """Give the code blocks of a page; the directives of the site's generator are left out."""
    lines = page.read_text(encoding="utf-8").splitlines()
    marks: dict[str, str] = {}
    place = 0
    while place < len(lines):
        line = lines[place]
        place += 1
        if comment := COMMENT.match(line):
            if comment["mark"] in MARKS:
                marks[comment["mark"]] = comment["value"]
            continue
        if not (fence := FENCE.match(line)):
            marks = {}
            continue
        first = place
        while place < len(lines) and lines[place].rstrip() != fence["fence"]:
            place += 1
        text = "".join(f"{line}\n" for line in lines[first:place])
        place += 1
        if not fence["info"].startswith("{"):
            if fence["info"] not in LANGUAGES:
                raise WrongPageError(
                    f"{page.name}:{first}: a block must be one of {', '.join(LANGUAGES)}, "
                    f"but this one is {fence['info']!r}"
                )
            yield Block(fence["info"], marks, text, first)
        marks = {}


class Runner:
    """Run blocks in the current folder.

    Attributes
    ----------
    printed : str or None
        What the last block printed; None where it was not run.
    """

    def __init__(self, page: Path) -> None:
        self._page = page
        self.printed: str | None = None
        self._main = types.ModuleType("__main__")
        sys.modules["__main__"] = self._main

    def run(self, block: Block) -> None:
        """Run one block."""
        self.printed = None
        if "file" in block.marks:
            Path(block.marks["file"]).write_text(block.text, encoding="utf-8")
            if block.language == "toml":
                check_run_file(Path(block.marks["file"]))
        elif block.language != "text" and "not run" not in block.marks:
            printed = getattr(self, f"_run_{block.language}")(block)
            self.printed = "".join(line.rstrip() + "\n" for line in printed.splitlines())

    def agrees(self, output: Block) -> bool:
        """Say whether the last block printed what a block of output says."""
        return self.printed is None or doctest.OutputChecker().check_output(
            output.text, self.printed, doctest.ELLIPSIS
        )

    def _run_python(self, block: Block) -> str:
        # Empty lines before it, so that a traceback shows the lines of the page.
        code = compile("\n" * block.line + block.text, str(self._page), "exec")
        expected = block.marks.get("raises")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            try:
                exec(code, vars(self._main))
            except Exception as error:
                if type(error).__name__ != expected:
                    raise
                return f"{printed.getvalue()}{expected}: {error}\n"
        if expected is not None:
            raise WrongPageError(f"it must raise {expected}, but nothing was raised")
        return printed.getvalue()

    def _run_sh(self, block: Block) -> str:
        done = subprocess.run(
            ["bash", "-e", "-c", block.text],
            env=os.environ | {"PATH": f"{commands_folder()}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        expected = int(block.marks.get("exit", 0))
        if done.returncode != expected:
            raise WrongPageError(
                f"it must end with exit code {expected}, but ended with {done.returncode}:\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout + (done.stderr if expected else "")

    def _run_toml(self, block: Block) -> str:
        path = Path("block.toml")
        path.write_text(block.text, encoding="utf-8")
        check_run_file(path)
        return ""

    def _run_json(self, block: Block) -> str:
        json.loads(block.text)
        return ""

    def _run_yaml(self, block: Block) -> str:
        import yaml

        yaml.safe_load(block.text)
        return ""


def check_run_file(path: Path) -> None:
    """Have the command line make all that a run file asks for, without running anything."""
    from hpopt.cli.prepare import prepare
    from hpopt.cli.run_file import RunFile

    run_file = RunFile.read(path, needs_problem=False)
    kind = run_file.problem_kind
    if kind == "command":
        os.environ["PATH"] = f"{commands_folder()}{os.pathsep}{os.environ['PATH']}"
    source = run_file.problem_source.partition(":")[0] if kind in ("class", "function") else ""
    if kind == "command" or (source and (run_file.folder / source).exists()):
        prepare(run_file)


def commands_folder() -> Path:
    """Give a folder with the commands `python` and `hpopt` of this interpreter."""
    folder = Path(".commands").absolute()
    if not folder.exists():
        folder.mkdir()
        for name, arguments in (("python", ""), ("hpopt", "-m hpopt")):
            command = folder / name
            command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            command.chmod(0o755)
    return folder


def main(page: Path, *, write: bool = False) -> int:
    """Run a page; give the exit code."""
    runner, corrected, missing = Runner(page), {}, set()
    warnings.simplefilter("error")
    for block in blocks_of(page):
        needed = block.marks.get("needs")
        if needed is not None and importlib.util.find_spec(needed) is None:
            missing.add(needed)
            runner.printed = None
            continue
        if needed is not None:
            warnings.simplefilter("ignore")  # what is not ours may warn
        try:
            if block.language != "output":
                runner.run(block)
            elif not runner.agrees(block) and not write:
                raise WrongPageError(f"it must print\n{block.text}\nbut printed\n{runner.printed}")
            elif not runner.agrees(block):
                corrected[block] = still_open(block, runner.printed or "")
        except BaseException:
            sys.stderr.write(f"{page}, line {block.line}: this block is wrong\n")
            raise
    rewrite(page, corrected)
    if missing:
        sys.stdout.write(f"{page.name} was run without what needs {', '.join(sorted(missing))}\n")
    return SKIPPED if missing else 0


def still_open(block: Block, printed: str) -> str:
    """Give what was printed, with ``...`` in the lines that agree; say where one is lost."""
    before, now = block.text.splitlines(), printed.splitlines()
    agree = doctest.OutputChecker().check_output
    for line, old in enumerate(before):
        if "..." not in old:
            continue
        if line < len(now) and agree(old + "\n", now[line] + "\n", doctest.ELLIPSIS):
            now[line] = old
        else:
            sys.stderr.write(f"line {block.line + line + 1}: put back what ... stood for: {old}\n")
    return "\n".join(now) + "\n"


def rewrite(page: Path, corrected: dict[Block, str]) -> None:
    """Put other texts into blocks of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block, text in reversed(corrected.items()):
        lines[block.line : block.line + len(block.text.splitlines())] = text.splitlines()
    if corrected:
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main_of_several(pages: list[Path]) -> int:
    """Run pages that need the same large library, which is imported once; print their exit codes.

    The exit code is 0 whatever they are.
    """
    place, codes = Path.cwd(), {}
    for number, page in enumerate(pages):
        folder = place / str(number)
        folder.mkdir()
        os.chdir(folder)
        sys.path[0] = str(folder)
        try:
            with warnings.catch_warnings():
                codes[str(page)] = main(page)
        except BaseException:
            traceback.print_exc()
            codes[str(page)] = 1
    sys.stdout.write(f"{json.dumps(codes)}\n")
    return 0


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())  # in place of this file's folder: pages import what they write
    given = [Path(each) for each in sys.argv[1:] if each != "--write"]
    if len(given) > 1:
        sys.exit(main_of_several(given))
    sys.exit(main(given[0], write="--write" in sys.argv))
