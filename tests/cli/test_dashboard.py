import signal
import subprocess
import sys
import urllib.request

import hpopt
from hpopt.cli import main
from hpopt.problems import FunctionProblem


def make_study(path):
    problem = FunctionProblem(lambda c: c["x"], {"x": hpopt.Float(0, 1)})
    hpopt.optimize(problem, trials=3, study=path, progress=False, seed=0)


def test_it_prints_its_address_and_ends_cleanly(tmp_path):
    make_study(tmp_path / "s.db")
    command = [sys.executable, "-m", "hpopt", "dashboard", "s.db", "--port", "0", "--token"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        said = process.stdout.readline()
        assert said.startswith("s.db: http://127.0.0.1:")
        with urllib.request.urlopen(said.split()[1] + "state") as answer:
            assert b'"n":' in answer.read()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == "hpopt: read-only, also while the study runs; Ctrl-C ends it\n"


def test_what_cannot_be_served_is_an_error_in_a_line(tmp_path, capsys):
    assert main(["dashboard", str(tmp_path / "none.db"), "--port", "0"]) == 1
    assert "there is no" in capsys.readouterr().err
    make_study(tmp_path / "s.db")
    assert main(["dashboard", str(tmp_path / "s.db"), "--host", "0.0.0.0"]) == 1
    assert "--allow-remote" in capsys.readouterr().err
    assert main(["dashboard", str(tmp_path / "s.db"), "--allow-host", "http://x"]) == 1
    assert "--allow-host must be a name" in capsys.readouterr().err
