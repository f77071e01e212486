import os
import threading
from pathlib import Path

import numpy as np
import pytest

from hpopt.errors import TransferError
from hpopt.executors import ProcessExecutor
from hpopt.executors.supervision import sharing
from hpopt.executors.supervision.sharing import LARGE, Shared


class Problem:
    """What is shared here; it notes where it was unpickled."""

    def __init__(self, **data):
        self.data = data
        self.again = dict(data)

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.loaded_by = os.getpid()


def maps_of_this_process():
    return Path("/proc/self/maps").read_text()


@pytest.fixture
def big():
    return np.random.default_rng(0).normal(size=(500, 600))


def test_a_call_gets_the_object_itself(warm, big):
    shared = warm.share(Problem(x=big))
    result = warm.submit(lambda problem: (type(problem).__name__, problem.data["x"].sum()), shared)
    assert result.result() == ("Problem", big.sum())


def test_the_handle_gives_the_object(warm):
    problem = Problem()
    shared = warm.share(problem)
    assert isinstance(shared, Shared)
    assert shared.get() is problem


def test_large_arrays_are_memory_mapped(warm, big):
    def look(problem):
        x = problem.data["x"]
        mapped = Path(x.filename).name in Path("/proc/self/maps").read_text()
        return isinstance(x, np.memmap), x.mode, mapped, problem.again["x"] is x

    if not Path("/proc/self/maps").exists():
        pytest.skip("needs /proc")
    assert warm.submit(look, warm.share(Problem(x=big))).result() == (True, "c", True, True)


def test_an_object_is_loaded_once_by_each_process(nothing_left, big):
    with ProcessExecutor(1) as executor:
        shared = executor.share(Problem(x=big))
        first, second = (
            executor.submit(lambda p: (id(p), p.loaded_by), shared).result() for _ in range(2)
        )
        other = executor.submit(id, executor.share(Problem(x=big))).result()
    assert first == second
    assert other != first[0]


def test_what_a_call_writes_into_an_array_stays_its_own(nothing_left, big):
    def write(problem):
        problem.data["x"][:] = 0
        return os.getpid()

    with ProcessExecutor(1, trials_per_child=1) as executor:
        shared = executor.share(Problem(x=big))
        assert executor.submit(write, shared).result() != os.getpid()
        assert executor.submit(lambda p: p.data["x"].sum(), shared).result() == big.sum()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(LARGE + 1, dtype=np.uint8),
        np.asfortranarray(np.arange(300_000.0).reshape(600, 500)),
        np.zeros(200_000, dtype="M8[ns]"),
        np.zeros(200_000, dtype=[("a", "<f8"), ("b", "<i4")]),
        np.zeros((2, 1_000_000), dtype=">f4"),
    ],
    ids=["bytes", "fortran", "dates", "records", "big endian"],
)
def test_arrays_of_every_kind_are_mapped(tmp_path, array):
    copy = sharing.load_shared(*Shared(array, tmp_path).__reduce__()[1])
    assert isinstance(copy, np.memmap)
    assert copy.dtype == array.dtype
    assert np.array_equal(copy, array)
    assert copy.flags.f_contiguous == array.flags.f_contiguous
    del sharing._loaded[next(reversed(sharing._loaded))]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(LARGE, dtype=np.uint8),
        np.zeros((2000, 2000))[::2, ::2],
        np.array([object()] * 200_000),
    ],
    ids=["small", "strided", "objects"],
)
def test_other_arrays_are_kept_inside(tmp_path, array):
    Shared(array, tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".pickle"]


def test_the_same_array_is_stored_once(tmp_path, big):
    Shared(Problem(x=big), tmp_path)
    assert len(list(tmp_path.glob("*.array"))) == 1


def test_an_object_that_cannot_be_shared_says_which_part(warm):
    with pytest.raises(TransferError, match=r"the Problem\.data\['lock'\] \(lock\)"):
        warm.share(Problem(lock=threading.Lock()))


def test_the_files_go_with_the_executor(temporary, nothing_left, big):
    with ProcessExecutor(1) as executor:
        assert list(temporary.iterdir()) == []
        executor.submit(lambda p: None, executor.share(Problem(x=big))).result()
        assert len(list(temporary.iterdir())) == 1
    assert list(temporary.iterdir()) == []


def test_the_files_go_with_a_forgotten_executor(temporary, big):
    executor = ProcessExecutor(1)
    executor.share(big)
    del executor
    assert list(temporary.iterdir()) == []


def test_nothing_is_shared_after_shutdown(temporary, big):
    executor = ProcessExecutor(1)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="must not be shut down"):
        executor.share(big)
    assert list(temporary.iterdir()) == []
