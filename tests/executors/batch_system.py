"""A batch system of one machine, for tests: jobs are process groups that start at once."""

import os
import signal
import stat
import sys
from pathlib import Path

import psutil

SBATCH = """\
#!/bin/sh
if [ -e {folder}/refuses ]; then
    echo "sbatch: error: invalid partition specified: gpuu" >&2
    exit 1
fi
for script; do :; done
setsid "$script" </dev/null >/dev/null 2>&1 &
echo $! >>{folder}/submitted
echo $!
"""
SCANCEL = """\
#!/bin/sh
echo "$1" >>{folder}/cancelled
kill -TERM -- "-$1" 2>/dev/null
"""


class BatchSystem:
    """Its commands lie in a folder, and note there what they did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
            path = folder / name
            path.write_text(text.format(folder=folder))
            path.chmod(0o755)
        self.submit, self.cancel = f"{folder}/sbatch {{script}}", f"{folder}/scancel {{job}}"

    @property
    def jobs(self) -> list[int]:
        """The process groups of all jobs so far."""
        path = self.folder / "submitted"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def alive(self) -> list[int]:
        """Return the jobs that still run."""
        return [job for job in self.jobs if self.processes(job)]

    def processes(self, job: int) -> list[psutil.Process]:
        """Return the processes of a job, the script's shell and the worker."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getpgid(process.pid) == job and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found

    def end_time(self, job: int) -> None:
        """End a job as Slurm does when its time is over."""
        os.killpg(job, signal.SIGTERM)

    def end(self) -> None:
        """Kill all that is left."""
        for job in self.alive():
            os.killpg(job, signal.SIGKILL)


def late_python(folder: Path, seconds: float) -> str:
    """Return a Python whose workers see a disk as late as a network file system may show it."""
    tests = Path(__file__).parents[2]
    path = folder / "late-python"
    path.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.path.append({str(tests)!r}); '
        "from tests.executors.batch_system import be_late; "
        f'be_late({seconds}); del sys.argv[1]; exec(sys.argv.pop(1))" "$@"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def be_late(seconds: float) -> None:
    """Make this process see listings and contents of a while ago."""
    import time

    from hpopt.executors.cluster.spool import disk

    listings: dict[Path, tuple[float, list[str]]] = {}
    contents: dict[Path, tuple[float, bytes | None]] = {}
    list_names, read_file = disk.list_names, disk.read_file

    def late_names(folder: Path) -> list[str]:
        at, names = listings.get(folder, (-1e9, []))
        if time.monotonic() - at > seconds:
            listings[folder] = time.monotonic(), list_names(folder)
        return names

    def late_file(path: Path, most: int = -1) -> bytes:
        now = time.monotonic()
        if path not in contents and time.time() - path.stat().st_mtime < seconds:
            contents[path] = now, None
        at, content = contents.get(path, (-1e9, None))
        if now - at > seconds:
            content = read_file(path, most)
            contents[path] = now, content
        if content is None:
            raise FileNotFoundError(2, "not seen yet", str(path))
        return content

    disk.list_names, disk.read_file = late_names, late_file
