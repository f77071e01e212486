"""Read study files that damage or malice has changed, by every command that reads, and count.

    python benchmarks/fuzz_study_files.py --files 1000 --seed 0

Each file is a valid study with one to three changes: of cells, of the header's JSON, of the tables,
of raw bytes. A child process reads one after the other, with a limit of time and memory each, and
says what came of it. Wanted: nothing that hangs, shows a traceback, or takes 300 MB more than the
size of the file.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutations import make_study, mutate

import hpopt
from hpopt.cli import follow
from hpopt.cli import main as command
from hpopt.errors import HpoptError
from hpopt.problems import FunctionProblem
from hpopt.storage import salvage
from hpopt.storage.lock import WriterLock

MOST_SECONDS = 60.0
MOST_BYTES = 300 * 2**20


# -- how it is read --------------------------------------------------------------------------------


def commands(path: Path) -> dict[str, Callable[[], Any]]:
    """List all that reads a study file."""
    study = str(path)

    def watch() -> None:
        lock = WriterLock(path)  # as if somebody were writing it, for a moment
        release = threading.Timer(0.05, lock.release)
        release.start()
        try:
            command(["show", study, "--follow"])
        finally:
            release.join()

    def record() -> None:
        loaded = hpopt.Study.load(path)
        for name in ("best", "front", "counts", "running", "pending_numbers"):
            with contextlib.suppress(HpoptError):
                getattr(loaded, name)
        with contextlib.suppress(HpoptError):
            loaded.narrow()
        repr(loaded)

    def learn() -> None:
        problem = FunctionProblem(
            lambda config: 0,
            {"x": hpopt.Float(1e-3, 5, log=True), "batch": hpopt.Ordinal([16, 32, 64])},
            objectives=[hpopt.Objective("loss"), hpopt.Objective("size", "maximize")],
        )
        print(hpopt.Study(problem, "random", seed=1).learn_from(path))

    def save() -> None:
        salvage(path, path.with_name("saved.db"))
        path.with_name("saved.db").unlink()

    return {
        "show": lambda: command(["show", study]),
        "show --top": lambda: command(["show", study, "--top", "1000"]),
        "show --trial": lambda: [command(["show", study, "--trial", n]) for n in ("3", "5", "61")],
        "show --follow": watch,
        "best": lambda: command(["best", study]),
        "export": lambda: command(["export", study]),
        "export --csv": lambda: command(["export", study, "--csv"]),
        "load": record,
        "learn_from": learn,
        "salvage": save,
    }


class Sink(io.StringIO):
    """Count what is printed, and note what no terminal should get."""

    def __init__(self) -> None:
        super().__init__()
        self.n, self.unsafe = 0, ""

    def write(self, text: str) -> int:
        self.n += len(text)
        if self.n > 10**9:
            raise RuntimeError("a gigabyte of output")
        if not self.unsafe and any(c in text for c in "\x1b\x9b\x07\r\x00\u202e\u2066"):
            self.unsafe = text[:200]
        return len(text)


def read_all(path: Path) -> str:
    """Read a file by every command; say what went wrong."""
    for name, perform in commands(path).items():
        sink = Sink()
        try:
            with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
                perform()
        except HpoptError:
            pass
        except BaseException:
            return f"traceback in {name}: {traceback.format_exc()[-1500:]}"
        if sink.unsafe and name != "export --csv":
            return f"traceback in {name}: unsafe output {sink.unsafe!r}"
    return "fine"


def child() -> None:
    """Read each file that stdin names, and print what came of it and the memory it took."""
    warnings.simplefilter("error")
    follow.PERIOD_SECONDS = 0.01
    peak = Path("/proc/self/clear_refs")
    for line in sys.stdin:
        path = Path(line.strip())
        size = sum(each.stat().st_size for each in path.parent.iterdir())
        with contextlib.suppress(OSError):
            peak.write_text("5")
        before = memory("VmRSS")
        limit = vm_size() + size + 2 * MOST_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        said = read_all(path)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        taken = memory("VmHWM") - before
        if taken > size + MOST_BYTES and said == "fine":
            said = "memory"
        print(json.dumps([said, taken - size]), flush=True)


def memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def vm_size() -> int:
    return memory("VmSize")


class Reader:
    """A child process that reads files; a new one follows one that had to be killed."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> tuple[str, int, float]:
        """Return what came of a file, the memory in bytes beyond its size, and the seconds."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=path.parent,
                env={**os.environ, "COLUMNS": "100"},
            )
        process, began = self.process, time.monotonic()
        assert process.stdin and process.stdout
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], MOST_SECONDS)[0]:
            self.close()
            return "hang", 0, time.monotonic() - began
        line = process.stdout.readline()
        if not line:
            self.close()
            return "died", 0, time.monotonic() - began
        said, taken = json.loads(line)
        return said, taken, time.monotonic() - began

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def run(n_files: int, seed: int, keep: Path | None = None, *, loud: bool = False) -> Counter[str]:
    """Read so many mutated files; count what came of them."""
    counts: Counter[str] = Counter()
    reader = Reader()
    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "whole.db", Path(folder) / "in" / "study.db"
        path.parent.mkdir()
        make_study(source)
        whole = source.read_bytes()
        for n in range(n_files):
            what = mutate(path, whole, f"{seed}/{n}")
            said, taken, seconds = reader.read(path)
            kind = said.split(" ", 1)[0]
            counts[kind] += 1
            if kind != "fine" or loud:
                print(f"{n}: {what}: {said} ({taken >> 20} MB, {seconds:.1f} s)", flush=True)
            if kind != "fine" and keep is not None:
                (keep / f"{seed}-{n}.db").write_bytes(path.read_bytes())
    reader.close()
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the files that went wrong")
    parser.add_argument("--loud", action="store_true", help="say what each file gave")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child()
        return 0
    began = time.monotonic()
    counts = run(arguments.files, arguments.seed, arguments.keep, loud=arguments.loud)
    print(
        f"{arguments.files} files, seed {arguments.seed}: {counts['hang']} hangs, "
        f"{counts['traceback'] + counts['died']} tracebacks, {counts['memory']} over 300 MB "
        f"({time.monotonic() - began:.0f} s)"
    )
    return 0 if counts["fine"] == arguments.files else 1


if __name__ == "__main__":
    sys.exit(main())
