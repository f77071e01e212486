import os
import sys
from pathlib import Path

import pytest

from hpopt.errors import SettingError
from hpopt.executors import ProcessExecutor, devices

SMI = """\
GPU 0: NVIDIA H100 (UUID: GPU-aaaa)
GPU 1: NVIDIA H100 (UUID: GPU-bbbb)
"""
SMI_MIG = """\
GPU 0: NVIDIA A100 (UUID: GPU-aaaa)
  MIG 1g.5gb Device 0: (UUID: MIG-cccc)
  MIG 1g.5gb Device 1: (UUID: MIG-dddd)
"""


SMI_SOME_CUT = """\
GPU 0: NVIDIA A100 (UUID: GPU-aaaa)
GPU 1: NVIDIA A100 (UUID: GPU-bbbb)
  MIG 3g.20gb     Device  0: (UUID: MIG-cccc)
GPU 2: NVIDIA A100 (UUID: GPU-dddd)
"""


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Put an nvidia-smi on the path that prints a text."""

    def smi(text, exit_code=0):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {exit_code}\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return smi


@pytest.fixture(autouse=True)
def no_gpu_set(monkeypatch):
    for name in (
        *devices.THREADS,
        *devices.SHARED_GPU,
        devices.VISIBLE,
        devices.ROCM_VISIBLE,
        devices.JAX_MEMORY_FRACTION,
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("listing", "found"),
    [
        (SMI, ["0", "1"]),
        (SMI_MIG, ["MIG-cccc", "MIG-dddd"]),
        (SMI_SOME_CUT, ["0", "MIG-cccc", "2"]),
    ],
)
def test_gpus_are_found_by_nvidia_smi(smi, listing, found):
    smi(listing)
    assert devices.find_gpus({}) == found


def test_no_gpu_is_found_where_nvidia_smi_fails(smi):
    smi("NVIDIA-SMI has failed\n", exit_code=9)
    if not Path("/proc/driver/nvidia/gpus").exists():
        assert devices.find_gpus({}) == []
        assert devices.resolve_gpus("auto", {}) is None


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("2,3", ["2", "3"]),
        ("GPU-x", ["GPU-x"]),
        ("1,-1,2", ["1"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
    ],
)
def test_what_the_driver_may_see_comes_first(smi, visible, found):
    smi(SMI)
    assert devices.find_gpus({"CUDA_VISIBLE_DEVICES": visible}) == found


@pytest.fixture
def rocm(tmp_path, monkeypatch):
    """Two GPUs and a processor, as AMD's driver shows them."""
    for number, n_simd in enumerate([0, 304, 304]):
        node = tmp_path / "nodes" / str(number)
        node.mkdir(parents=True)
        (node / "properties").write_text(f"cpu_cores_count 64\nsimd_count {n_simd}\n")
    monkeypatch.setattr(devices, "ROCM_NODES", tmp_path / "nodes")


def test_gpus_of_amd_are_found_and_bound(rocm, smi):
    smi("no such driver\n", exit_code=9)
    if not Path("/proc/driver/nvidia/gpus").exists():
        assert devices.find_gpus({}) == ["0", "1"]
    assert devices.find_gpus({"HIP_VISIBLE_DEVICES": "3"}) == ["3"]
    environment = devices.bound_environment({}, 1, 2, ["0", "1"])
    assert environment["HIP_VISIBLE_DEVICES"] == environment["CUDA_VISIBLE_DEVICES"] == "1"


def test_numbers_count_within_what_is_visible():
    environment = {"CUDA_VISIBLE_DEVICES": "2,5"}
    assert devices.resolve_gpus([1], environment) == ["5"]
    assert devices.resolve_gpus([1], {}) == ["1"]
    with pytest.raises(SettingError, match="one of the 2 that CUDA_VISIBLE_DEVICES='2,5' shows"):
        devices.resolve_gpus([2], environment)


@pytest.mark.parametrize(
    ("gpus", "message"),
    [
        ("all", "gpus must be 'auto' or a list"),
        (2, "gpus must be 'auto' or a list"),
        ([-1], "a GPU must be a number from 0"),
        ([True], "a GPU must be a number from 0"),
        (["0,1"], "a GPU must be a number from 0"),
        ([0, 0], "gpus must be different.*use trials_per_gpu"),
    ],
)
def test_what_names_no_gpu_is_refused(gpus, message):
    with pytest.raises(SettingError, match=message):
        devices.resolve_gpus(gpus, {})


def test_slots_are_spread_over_the_gpus():
    environments = [devices.bound_environment({}, i, 4, ["0", "7"]) for i in range(4)]
    assert [e["CUDA_VISIBLE_DEVICES"] for e in environments] == ["0", "7", "0", "7"]
    assert {e["CUDA_DEVICE_ORDER"] for e in environments} == {"PCI_BUS_ID"}


@pytest.mark.parametrize(("trials_per_gpu", "share"), [(1, None), (2, "0.460"), (4, "0.230")])
def test_the_memory_of_a_gpu_is_shared_out(trials_per_gpu, share):
    environment = devices.bound_environment({}, 0, 4, ["0"], trials_per_gpu)
    assert environment.get("XLA_PYTHON_CLIENT_MEM_FRACTION") == share
    assert environment.get(devices.MEMORY_FRACTION) == share
    mine = {"XLA_PYTHON_CLIENT_MEM_FRACTION": ".1"}
    bound = devices.bound_environment(mine, 0, 4, ["0"], trials_per_gpu)
    assert bound["XLA_PYTHON_CLIENT_MEM_FRACTION"] == ".1"


TORCH = """
CALLS = []

class cuda:
    @staticmethod
    def _lazy_call(call):
        CALLS.append("later")
        call()

    @staticmethod
    def set_per_process_memory_fraction(share):
        CALLS.append(share)
"""


def test_pytorch_is_told_its_share_when_it_is_imported(tmp_path, monkeypatch, nothing_left):
    (tmp_path / "torch.py").write_text(TORCH)
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])

    def calls():
        import torch

        return torch.CALLS

    with ProcessExecutor(2, gpus=[0], trials_per_gpu=2) as executor:
        assert executor.submit(calls).result(30) == ["later", 0.46]
    with ProcessExecutor(1, gpus=[0]) as executor:
        assert executor.submit(calls).result(30) == []


def test_a_slot_is_free_when_its_process_has_given_the_memory_back(smi, tmp_path, monkeypatch):
    """An nvidia-smi that lists the killed process for three more looks."""
    (tmp_path / "looks").write_text("")
    smi("")
    (tmp_path / "nvidia-smi").write_text(
        "#!/bin/sh\n"
        f"echo $1 >> {tmp_path}/looks\n"
        f"test $(wc -l < {tmp_path}/looks) -lt 4 && cat {tmp_path}/pid\nexit 0\n"
    )

    def die(path):
        Path(path).write_text(f"{os.getpid()}\n")
        os.kill(os.getpid(), 9)

    with ProcessExecutor(gpus=["GPU-x"]) as executor:
        assert "SIGKILL" in str(executor.submit(die, tmp_path / "pid").exception(60))
        assert executor.submit(abs, -1).result(60) == 1
        assert (tmp_path / "looks").read_text() == "--query-compute-apps=pid\n" * 4
    with ProcessExecutor(1, gpus=[]) as executor:
        assert executor.submit(die, tmp_path / "pid").exception(30) is not None
        assert executor.submit(abs, -1).result(30) == 1
        assert (tmp_path / "looks").read_text().count("\n") == 4


def test_threads_are_shared_out(monkeypatch):
    monkeypatch.setattr(devices, "available_cores", lambda: 8)
    for n_slots, threads in [(1, "8"), (3, "2"), (100, "1")]:
        environment = devices.bound_environment({}, 0, n_slots, None)
        assert {environment[name] for name in devices.THREADS} == {threads}


def test_what_the_user_has_set_stays():
    mine = {"OMP_NUM_THREADS": "7", "TF_FORCE_GPU_ALLOW_GROWTH": "false", "MY": "own"}
    environment = devices.bound_environment(mine, 0, 1, None)
    assert {name: environment[name] for name in mine} == mine


def test_nothing_is_said_about_gpus_unless_asked():
    assert "CUDA_VISIBLE_DEVICES" not in devices.bound_environment({}, 0, 1, None)
    mine = {"CUDA_VISIBLE_DEVICES": "3"}
    assert devices.bound_environment(mine, 0, 1, None)["CUDA_VISIBLE_DEVICES"] == "3"
    assert devices.bound_environment(mine, 0, 1, [])["CUDA_VISIBLE_DEVICES"] == "-1"


def test_cores_are_those_of_this_process():
    cores = devices.available_cores()
    assert 1 <= cores <= (os.cpu_count() or 1)
    if hasattr(os, "sched_getaffinity") and cores > 1:
        mine = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {min(mine)})
            assert devices.available_cores() == 1
        finally:
            os.sched_setaffinity(0, mine)


def test_a_worker_sees_its_binding_from_the_start(nothing_left, monkeypatch):
    monkeypatch.setenv("MKL_NUM_THREADS", "5")
    monkeypatch.setenv("MY_VARIABLE", "mine")
    with ProcessExecutor(gpus=[3, 4]) as executor:
        executor.warm_up()
        # Both slots have to work at the same time, so that each shows its environment.
        futures = [
            executor.submit(lambda: (__import__("time").sleep(0.3), dict(os.environ))[1])
            for _ in range(2)
        ]
        seen = [future.result() for future in futures]
    assert sorted(e["CUDA_VISIBLE_DEVICES"] for e in seen) == ["3", "4"]
    for environment in seen:
        assert environment["OMP_NUM_THREADS"] == str(max(1, devices.available_cores() // 2))
        assert environment["MKL_NUM_THREADS"] == "5"
        assert environment["MY_VARIABLE"] == "mine"
        assert environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
        assert environment["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
