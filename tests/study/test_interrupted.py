"""Ctrl-C as a person presses it: once to finish, twice to stop now; nothing is lost either way."""

import signal
import uuid

import pytest

import hpopt

from .conftest import marked_processes, wait_until
from .drivers import INTERRUPTED
from .problems import Line, numbers, stored


class Waiting(Line):
    space = hpopt.Space({"x": hpopt.Float(0, 1)})


@pytest.fixture(scope="module")
def expected():
    class Given(Waiting):
        def evaluate(self, config, trial):
            return config["x"]

    result = hpopt.optimize(Given(), "random", trials=5, seed=1, progress=False)
    return [trial.values["value"] for trial in result.trials]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c(start_script, path, expected, workers, times):
    folder, mark = path.parent, uuid.uuid4().hex
    process = start_script(INTERRUPTED, folder, workers, MARK=mark)
    log = folder / "log"
    assert wait_until(lambda: log.exists() and len(log.read_text().split()) == workers)
    assert process.stderr.readline().startswith("hpopt: 0/5 trials")

    process.send_signal(signal.SIGINT)
    line = process.stderr.readline()
    while "Ctrl-C" not in line:  # the display may have had something else to say
        assert line
        line = process.stderr.readline()
    assert numbers(stored(folder / "study.db")) == []
    if times == 2:
        process.send_signal(signal.SIGINT)
    else:
        (folder / "go").touch()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    first, second, values = output.splitlines()
    done = f"returned|{workers}|Ctrl-C was pressed" if times == 1 else "raised|0"
    assert (first, second) == (done, "restored")
    assert [float(value) for value in values.split()] == expected
    evaluated = [int(number) for number in log.read_text().split()]
    again = list(range(workers)) if times == 2 else []
    assert sorted(evaluated) == sorted([*range(5), *again])
    assert wait_until(lambda: not marked_processes(mark))
