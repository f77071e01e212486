"""Whatever is in a study file, to read it never hangs, shows a traceback, or takes much memory."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
N_FILES = 40  # of this seed: each kind of change is among them


@pytest.mark.skipif(sys.platform != "linux", reason="limits a child process as Linux does")
def test_mutated_files_are_read_or_refused():
    script = ROOT / "benchmarks" / "fuzz_study_files.py"
    done = subprocess.run(
        [sys.executable, script, "--files", str(N_FILES), "--seed", "22"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{N_FILES} files, seed 22: 0 hangs, 0 tracebacks, 0 over 300 MB" in done.stdout
