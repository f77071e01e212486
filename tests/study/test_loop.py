"""The loop gives what the five lines in its docstring give."""

import inspect
import textwrap

import pytest

import hpopt
from hpopt.core import Trial, evaluate
from hpopt.storage import MemoryStorage, SQLiteStorage
from hpopt.study.loop import Loop

from .problems import KNOWN_GOOD, STRATEGIES, Greedy, Mixed, Small, essence


def five_lines():
    lines = inspect.getdoc(Loop).splitlines()
    begin = next(i for i, line in enumerate(lines) if line.endswith("::")) + 2
    end = lines.index("", begin)
    assert end - begin == 5
    return textwrap.dedent("\n".join(lines[begin:end]))


@pytest.mark.parametrize("name", [*STRATEGIES, "greedy"])
@pytest.mark.parametrize("problem", [Mixed(), Small()])
def test_the_reference_loop_gives_the_same_trials(name, problem):
    make = STRATEGIES.get(name, Greedy)
    start = [KNOWN_GOOD] if isinstance(problem, Mixed) else [{"a": 2, "b": "x"}]
    optimizer, storage = make().bind(problem, seed=8, start=start), MemoryStorage()
    names = {"optimizer": optimizer, "storage": storage, "problem": problem, "n": 30}
    exec(five_lines(), {**names, "Trial": Trial, "evaluate": evaluate})
    result = hpopt.optimize(problem, make(), trials=30, seed=8, start=start, progress=False)
    assert essence(result.trials) == essence(storage.trials())
    assert len(result.trials) >= 9


def test_the_journal_is_written_before_the_optimizer_learns(path):
    """What the optimizer knows when it is told is in the file already, for others to read."""
    seen = []

    class Looking(hpopt.RandomSearch):
        def _tell(self, trials):
            with SQLiteStorage(path, "r") as storage:
                counts = storage.count()
            seen.append(([trial.number for trial in trials], counts["complete"]))

    hpopt.optimize(Mixed(), Looking(), trials=4, study=path, progress=False)
    assert seen == [([k], k + 1) for k in range(4)]


def test_what_is_evaluated_was_journaled_before(path):
    seen = []

    class Looking(Small):
        def evaluate(self, config, trial):
            counts = hpopt.Study.load(path).counts
            seen.append((trial.number, counts["complete"], counts["pending"]))
            return 0.0

    hpopt.optimize(Looking(), "random", trials=3, study=path, progress=False)
    assert seen == [(0, 0, 1), (1, 1, 1), (2, 2, 1)]
