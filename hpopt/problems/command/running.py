"""One trial of a command: started, read, told to stop, and what came of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpopt.core.handle import TrialHandle
from hpopt.core.trial import OUTPUT_FILE, Status, failed
from hpopt.problems.command import failures
from hpopt.problems.command.call import Call
from hpopt.problems.command.folder import CONFIG, STOP, WANDB_CONFIG, TrialFolder
from hpopt.problems.command.output_file import OutputFile
from hpopt.problems.command.process import Process
from hpopt.problems.command.results import Lines, ResultReader, Tail, is_failure, parsed
from hpopt.problems.command.values import as_wandb

MOST_RESULT = 1_000_000  # bytes of a file with a result, as of a line


@dataclass(frozen=True, slots=True)
class Setup:
    """How a command is run and what its result is; see `CommandProblem`."""

    call: Call
    folder: Path | None
    result_file: str | None
    patterns: Mapping[str, re.Pattern[str]]
    exit_codes: Mapping[int, Status]
    stop_by: str
    grace: float
    output_bytes: int


class Run:
    """One run of a command.

    Parameters
    ----------
    setup : Setup
    objectives : sequence of str
        Their names.
    fidelity : str or None
        What it is to spend, as text.
    """

    def __init__(
        self,
        setup: Setup,
        objectives: Sequence[str],
        fidelity: str | None,
        config: Mapping[str, Any],
        trial: TrialHandle,
    ) -> None:
        self._setup, self._objectives, self._trial = setup, objectives, trial
        self._folder = folder = TrialFolder(config, trial)
        facts = {
            "number": str(trial.number),
            "seed": str(trial.seed),
            "directory": str(folder.path),
            "config": str(folder.path / CONFIG),
            "wandb_config": str(folder.path / WANDB_CONFIG),
        }
        if "wandb_config" in setup.call.fields:
            folder.file(WANDB_CONFIG).write_text(as_wandb(config), encoding="utf-8")
        if fidelity is not None:
            facts["fidelity"] = fidelity
        self._stop_file = folder.file(STOP)
        self._argv = setup.call.argv(config, facts)
        self._environment = {
            **os.environ,
            # Else Python keeps what it prints until there is a page of it, and so each report.
            "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", "1"),
            **{f"HPOPT_{name.upper()}": text for name, text in facts.items()},
            "HPOPT_STOP_FILE": str(self._stop_file),
            **setup.call.variables(config, facts),
        }
        self._reader = ResultReader(objectives, setup.patterns)
        self._tails = {"stdout": Tail(), "stderr": Tail()}

    def result(self) -> Any:
        """Run it, and return its numbers, or the outcome of a failure."""
        setup, file = self._setup, None
        if setup.result_file is not None:
            file = self._folder.file(setup.result_file)
        kills = failures.memory_kills()
        try:
            process = Process(self._argv, self._environment, setup.folder or Path.cwd())
        except (OSError, ValueError) as error:
            self._folder.end()
            return failed(f"the command could not be started: {self._argv[0]!r}: {error}")
        with process:
            self._read(process)
        self._folder.end()
        code = process.returncode or 0
        if code and not self._trial.stopped:
            tail = self._tails["stderr"] if self._tails["stderr"].last else self._tails["stdout"]
            return failures.failure(code, tail, setup.exit_codes, kills_before=kills)
        return self._reader_result() if file is None else self._file_result(file)

    def _read(self, process: Process) -> None:
        setup = self._setup
        path, lines = self._folder.path / OUTPUT_FILE, {"stdout": Lines(), "stderr": Lines()}
        output = OutputFile(path, setup.output_bytes, append=self._folder.goes_on)
        try:
            for stream, data in process.output():
                output.write(data)
                for line in lines[stream].feed(data):
                    self._take(process, stream, line)
            for name, rest in lines.items():
                for line in rest.end():
                    self._take(process, name, line)
        finally:
            output.close()

    def _take(self, process: Process, stream: str, line: str) -> None:
        self._tails[stream].add(line)
        # Loggers print what patterns look for to stderr too; JSON is looked for in stdout only.
        if stream == "stderr" and not self._setup.patterns:
            return
        report = self._reader.read(line)
        if report is None or process.is_stopping:
            return
        self._trial.report(*report)
        if self._trial.should_stop() and process.returncode is None:
            by_file = self._setup.stop_by == "file"
            process.stop(self._setup.grace, self._stop_file if by_file else None)

    def _reader_result(self) -> Any:
        where = "by its patterns" if self._setup.patterns else "as its last line on stdout"
        return self._judged(self._reader.result, where)

    def _file_result(self, file: Path) -> Any:
        found, where = None, f"in {self._setup.result_file}"
        try:
            with file.open("rb") as opened:
                text = opened.read(MOST_RESULT + 1)
            found = parsed(text.decode("utf-8")) if len(text) <= MOST_RESULT else None
        except FileNotFoundError:
            where += ", which it has not written"
        except (OSError, UnicodeDecodeError) as error:
            where += f", which cannot be read ({error})"
        return self._judged(found, where)

    def _judged(self, found: Any, where: str) -> Any:
        if is_failure(found):
            return failures.said_failure(found, self._tails["stderr"])
        names = {*found} if isinstance(found, Mapping) else {*self._objectives[:1]}
        if found is not None and (self._objectives and names & {*self._objectives}):
            return found
        if self._trial.stopped:
            return None  # its last report counts
        if found is not None:
            return found  # whoever judges it says which objectives are missing
        return failures.no_result(self._objectives, where, self._tails["stdout"])
