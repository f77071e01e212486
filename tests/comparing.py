"""What the tests of benchmarks share: where the benchmarks and their data are, and how they run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
DATA = Path(os.environ.get("HPOPT_DATA") or ROOT.parent / "shared" / "data")
TABLES = DATA / "benchmarks" / "tables"

needs_data = pytest.mark.skipif(
    not TABLES.is_dir(), reason=f"the recorded tables are not in {TABLES}: set HPOPT_DATA"
)
needs_environment = pytest.mark.skipif(
    not (BENCHMARKS / ".venvs" / "hpopt" / "complete").exists(),
    reason="no environment for the problems: run benchmarks/environments.py",
)


def printed(benchmark, *options):
    """Run a benchmark with tiny budgets, and give what it prints."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / benchmark, "--quick", *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HPOPT_DATA": str(DATA)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
