import sys
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from hpopt.errors import MissingExtraError, SettingError, UnknownNameError
from hpopt.executors import Limits, ProcessExecutor, SerialExecutor, make_executor, registry
from hpopt.executors.devices import available_cores
from hpopt.executors.threads import ThreadExecutor


@pytest.fixture
def make(monkeypatch):
    """make_executor, with what it made shut down afterwards."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    made = []

    def make(*args, **kwargs):
        executor, n_slots = make_executor(*args, **kwargs)
        made.append(executor)
        return executor, n_slots

    yield make
    for executor in made:
        executor.shutdown()


@pytest.mark.parametrize(
    ("arguments", "kind", "n_slots"),
    [
        ({}, SerialExecutor, 1),
        ({"workers": 1}, SerialExecutor, 1),
        ({"workers": 3}, ProcessExecutor, 3),
        ({"limits": Limits(seconds=1)}, ProcessExecutor, 1),
        ({"limits": Limits()}, SerialExecutor, 1),
        ({"gpus": []}, ProcessExecutor, 1),
        ({"gpus": [0, 1]}, ProcessExecutor, 2),
        ({"gpus": [0, 1], "trials_per_gpu": 3}, ProcessExecutor, 6),
        ({"gpus": [0, 1], "trials_per_gpu": 3, "workers": 4}, ProcessExecutor, 4),
        ({"gpus": [0, 1], "workers": "auto"}, ProcessExecutor, 2),
        ({"executor": "serial"}, SerialExecutor, 1),
        ({"executor": "serial", "workers": "auto"}, SerialExecutor, 1),
        ({"executor": "processes"}, ProcessExecutor, 1),
        ({"executor": "processes", "workers": 2}, ProcessExecutor, 2),
    ],
)
def test_what_is_asked_for_chooses_the_executor(make, arguments, kind, n_slots):
    executor, n_made = make(**arguments)
    assert type(executor) is kind
    assert n_made == executor.workers == n_slots


def test_auto_workers_are_the_cores(make):
    assert make("processes", "auto")[1] == available_cores()


def test_an_executor_is_taken_as_it_is(make):
    pool = ThreadPoolExecutor(3)
    assert make(pool) == (pool, 1)
    assert make(pool, 3) == (pool, 3)
    assert make(pool, "auto") == (pool, available_cores())


def test_an_executor_that_says_its_size_is_asked(make):
    executor = ProcessExecutor(3)
    assert make(executor) == (executor, 3)
    assert make(executor, "auto") == (executor, 3)
    assert make(executor, 2) == (executor, 2)


@pytest.mark.parametrize("executor", [None, "processes", ThreadPoolExecutor(1)])
@pytest.mark.parametrize(
    ("workers", "message"),
    [
        (0, "workers must be an int of at least 1, but got 0"),
        (-2, "workers must be an int of at least 1, but got -2"),
        (1.5, "workers must be an int of at least 1, but got 1.5"),
        (True, "workers must be an int of at least 1, but got True"),
        ("two", "workers must be an int of at least 1, but got 'two'"),
    ],
)
def test_workers_must_be_a_positive_number(executor, workers, message):
    with pytest.raises(SettingError, match=message):
        make_executor(executor, workers)


@pytest.mark.parametrize(
    "arguments", [{"workers": 2}, {"limits": Limits(seconds=1)}, {"gpus": [0]}, {"gpus": []}]
)
def test_serial_says_what_can_do_what_it_cannot(monkeypatch, arguments):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(SettingError, match="use executor='processes'"):
        make_executor("serial", **arguments)


@pytest.mark.parametrize("arguments", [{"limits": Limits(seconds=1)}, {"gpus": [0]}])
def test_limits_cannot_be_put_on_somebody_elses_executor(arguments):
    with pytest.raises(SettingError, match="set them where you make it"):
        make_executor(SerialExecutor(), **arguments)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'processes'"):
        make_executor("process")


@pytest.mark.parametrize("executor", [SerialExecutor, 3])
def test_a_class_is_no_executor(executor):
    with pytest.raises(SettingError, match="an instance"):
        make_executor(executor)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials_per_child": 0}, "trials_per_child must be an int of at least 1"),
        ({"trials_per_gpu": 0}, "trials_per_gpu must be an int of at least 1"),
        ({"limits": 60}, "limits must be hpopt.Limits or None"),
        ({"limits": {"seconds": 60}}, "limits must be hpopt.Limits or None"),
        ({"gpus": [0], "workers": 2}, "must not exceed the 1 slots.*raise trials_per_gpu"),
    ],
)
def test_settings_out_of_range_are_refused(monkeypatch, arguments, message):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(SettingError, match=message):
        make_executor("processes", **arguments)
    with pytest.raises(SettingError, match=message):
        ProcessExecutor(**arguments)


@pytest.mark.parametrize("name", registry.MODULES)
def test_every_name_makes_an_executor(make, name):
    if name == "dask":
        pytest.importorskip("distributed")
    if name == "ray":
        pytest.importorskip("ray")
    if name == "slurm":
        pytest.skip("test_slurm.py makes it, with commands that submit jobs")
    if name == "mpi":
        pytest.skip("test_mpi.py makes it, on the ranks of an MPI job")
    assert isinstance(make(name)[0], Executor)


@pytest.mark.parametrize(("workers", "n_slots"), [(None, 1), (3, 3), ("auto", available_cores())])
def test_threads_are_as_many_as_asked_for(make, workers, n_slots):
    executor, n_made = make("threads", workers)
    assert type(executor) is ThreadExecutor
    assert n_made == executor.workers == n_slots


@pytest.mark.parametrize("arguments", [{"limits": Limits(seconds=1)}, {"gpus": [0]}])
def test_threads_can_keep_no_limits(arguments):
    with pytest.raises(SettingError, match="executor='threads' must have no limits and no gpus"):
        make_executor("threads", **arguments)


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "hpopt.executors.dask", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'hpopt\[dask\]'"):
        make_executor("dask")


def test_ray_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hpopt\[ray\]'"):
        make_executor("ray")


def test_an_executor_whose_size_changes_is_asked_each_time():
    class Growing(ThreadPoolExecutor):
        workers, elastic = 1, True

    with Growing(4) as executor:
        _, n_slots = make_executor(executor)
        before = n_slots()
        executor.workers = 4
        assert (before, n_slots()) == (1, 4)
        assert make_executor(executor, 2)[1] == 2
