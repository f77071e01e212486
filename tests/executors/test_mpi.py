"""An MPI job on this machine: skipped where there is no mpiexec or mpi4py."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hpopt
from hpopt.errors import MissingExtraError, SettingError
from hpopt.executors import make_executor, mpi

MPIEXEC = shutil.which("mpiexec") or shutil.which("mpiexec", path=str(Path(sys.executable).parent))
ROOT = Path(hpopt.__file__).parents[1]


@pytest.fixture
def start():
    """Start a program on three ranks."""
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed")
    if MPIEXEC is None:
        pytest.skip("there is no mpiexec: no MPI library is installed")
    started = []

    def start(*program, **options):
        environment = {
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1",
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        }
        command = [MPIEXEC, "-n", "3", sys.executable, "-m", "mpi4py.futures", *program]
        started.append(
            subprocess.Popen(
                command,
                env=os.environ | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                **options,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.stdout.close()
        process.wait()


def test_on_ranks(start):
    tests = Path(__file__).with_name("on_ranks.py")
    job = start("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(tests), cwd=ROOT)
    printed = job.communicate(timeout=200)[0]
    assert job.returncode == 0, printed
    assert "12 passed" in printed, printed


SEARCH = """
import os, time, hpopt

def slow(config):
    if config["x"] == 9 and not os.path.exists("died"):
        open("died", "w").close()
        os.kill(int(open(f"/proc/{os.getppid()}/stat").read().split()[0]), 9)  # its rank
        time.sleep(1000)
    return config["x"]

problem = hpopt.FunctionProblem(slow, {"x": hpopt.Int(0, 19)})
result = hpopt.optimize(
    problem, "grid", study="study.db", executor="mpi", progress=False, seed=0
)
print("done", [trial.number for trial in result.trials] == list(range(20)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_rank_that_dies_ends_the_job_and_the_study_goes_on(start, tmp_path):
    """That is MPI's answer; the journal is ours."""
    (tmp_path / "search.py").write_text(SEARCH)
    first = start("search.py", cwd=tmp_path)
    first.communicate(timeout=100)
    assert first.returncode != 0
    told = len(hpopt.Study.load(tmp_path / "study.db").trials)
    assert told < 20
    again = start("search.py", cwd=tmp_path)
    assert "done True" in again.communicate(timeout=100)[0]
    trials = hpopt.Study.load(tmp_path / "study.db").trials
    assert {trial.status for trial in trials} == {"complete"}


def test_without_ranks_it_says_how_to_start():
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed")
    with pytest.raises(SettingError, match=r"mpiexec -n 9 python -m mpi4py\.futures PROGRAM"):
        make_executor("mpi")


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(mpi.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hpopt\[mpi\]'"):
        make_executor("mpi")
