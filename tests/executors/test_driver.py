"""Drivers as users start them: scripts without a guard; and what they leave when they end."""

import gc
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from hpopt.executors import ProcessExecutor
from hpopt.executors.supervision import scratch

from .conftest import is_gone, wait_until

MAIN = """
from hpopt.executors import ProcessExecutor

SCALE = 10

class Point:
    def __init__(self, x):
        self.x = x
    def __eq__(self, other):
        return type(other) is Point and self.x == other.x

class MyError(Exception):
    pass

def scaled(point):
    return Point(SCALE * helper(point).x)

def helper(point):
    return point

def fail():
    raise MyError("mine")

executor = ProcessExecutor(2)
assert executor.submit(scaled, Point(3)).result() == Point(30)
assert executor.submit(lambda: SCALE + 1).result() == 11
assert type(executor.submit(fail).exception()) is MyError
executor.shutdown()
print("all is well")
"""


def test_a_script_needs_no_guard(start_driver):
    driver = start_driver(MAIN)
    assert driver.communicate(timeout=60)[0] == "all is well\n"
    assert driver.returncode == 0


def test_a_program_from_the_command_line_needs_no_guard():
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", MAIN],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "all is well\n", done.stderr


def test_modules_beside_the_script_hide_nothing(start_driver, tmp_path, monkeypatch):
    """The working directory is not on the path of a script that lies elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "random.py").write_text("raise SystemExit('the wrong random')")
    driver = start_driver(f"import os\nos.chdir({str(elsewhere)!r})\n{MAIN}")
    assert driver.communicate(timeout=60)[0] == "all is well\n"


BUSY = """
import os, subprocess, sys, time
from hpopt.executors import ProcessExecutor

def work(hold_the_gil):
    import re
    child = subprocess.Popen(["sleep", "1000"])
    os.write(report, f"{os.getpid()} {child.pid}\\n".encode())
    if hold_the_gil:
        re.match(r"(a*)*b", "a" * 60)
    time.sleep(1000)

import numpy as np
executor = ProcessExecutor(2)
data = executor.share(np.zeros(1_000_000))
report = os.open("pids", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def run(data, hold_the_gil, path):
    global report
    report = os.open(path, os.O_WRONLY | os.O_APPEND)
    work(hold_the_gil)

futures = [executor.submit(run, data, hold, os.path.abspath("pids")) for hold in (False, True)]
while os.stat("pids").st_size == 0 or open("pids").read().count("\\n") < 2:
    time.sleep(0.05)
print("busy", flush=True)
"""


@pytest.fixture
def busy_driver(start_driver, tmp_path):
    """Start a driver with two busy workers that have children; give it and all their pids."""

    def start(end):
        driver = start_driver(BUSY + end)
        assert driver.stdout.readline() == "busy\n"
        return driver, [int(pid) for pid in (tmp_path / "pids").read_text().split()]

    return start


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_driver_leaves_no_process_and_no_files(busy_driver, temporary, how):
    driver, pids = busy_driver("time.sleep(1000)")
    assert len(list(temporary.iterdir())) == 1
    driver.send_signal(how)
    driver.wait()
    assert wait_until(lambda: all(map(is_gone, pids)))
    assert wait_until(lambda: list(temporary.iterdir()) == [])


def test_a_driver_that_forgets_its_executor_ends_at_once(busy_driver, temporary):
    driver, pids = busy_driver("")
    assert driver.wait(timeout=30) == 0
    assert wait_until(lambda: all(map(is_gone, pids)))
    assert wait_until(lambda: not list(temporary.iterdir()))


def test_a_driver_that_fails_ends_at_once(busy_driver, temporary):
    driver, pids = busy_driver("sys.stderr.close(); raise SystemExit(5)")
    assert driver.wait(timeout=30) == 5
    assert wait_until(lambda: all(map(is_gone, pids)))
    assert wait_until(lambda: not list(temporary.iterdir()))


def test_ctrl_c_reaches_the_driver_only(busy_driver):
    driver, pids = busy_driver("""
try:
    print("waiting", flush=True)
    time.sleep(1000)
except KeyboardInterrupt:
    alive = [future.running() for future in futures]
    time.sleep(0.3)
    print(alive, [future.running() for future in futures], flush=True)
    executor.kill_workers()
""")
    assert driver.stdout.readline() == "waiting\n"
    os.kill(driver.pid, signal.SIGINT)
    assert driver.stdout.readline() == "[True, True] [True, True]\n"
    assert driver.wait(timeout=30) == 0
    assert wait_until(lambda: all(map(is_gone, pids)))


def test_workers_die_although_a_fork_of_the_driver_lives(start_driver, tmp_path):
    """The fork holds the pipes to the workers open."""
    driver = start_driver("""
import os, time
from hpopt.executors import ProcessExecutor
executor = ProcessExecutor(1)
pid = executor.submit(os.getpid).result()
fork = os.fork()
if fork == 0:
    time.sleep(1000)
print(pid, fork, flush=True)
time.sleep(1000)
""")
    worker, fork = map(int, driver.stdout.readline().split())
    try:
        driver.kill()
        assert wait_until(lambda: is_gone(worker))
        assert not is_gone(fork)
    finally:
        os.kill(fork, signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel must do it")
def test_a_worker_that_is_stopped_while_it_starts_dies_with_the_driver(start_driver):
    driver = start_driver("""
import os, signal, time
from hpopt.executors.supervision.launch import start_process
from hpopt.executors.supervision.output import OutputFile
output = OutputFile()
process, _ = start_process(os.environ, output.fileno())
os.kill(process.pid, signal.SIGSTOP)
print(process.pid, flush=True)
time.sleep(1000)
""")
    worker = int(driver.stdout.readline())
    assert wait_until(lambda: psutil.Process(worker).status() == psutil.STATUS_STOPPED)
    driver.kill()
    assert wait_until(lambda: is_gone(worker))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_what_has_left_the_group_of_a_worker_dies_with_the_driver(start_driver, tmp_path):
    """The kernel kills the worker at once, which can look after nobody any more."""
    driver = start_driver("""
import os, pathlib, subprocess, time
from hpopt.executors import ProcessExecutor

def work(path):
    away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    pathlib.Path(path).write_text(f"{os.getpid()} {away.pid}")
    time.sleep(1000)

executor = ProcessExecutor(1)
executor.share("something")
executor.submit(work, os.path.abspath("pids"))
time.sleep(1000)
""")
    place = tmp_path / "pids"
    assert wait_until(lambda: place.exists() and place.read_text())
    pids = [int(pid) for pid in place.read_text().split()]
    driver.kill()
    assert wait_until(lambda: all(map(is_gone, pids)))


class TestScratch:
    def test_folders_of_the_living_stay(self, temporary):
        mine = scratch.Scratch()
        folder = mine.folder()
        ProcessExecutor(1).shutdown()
        assert folder.is_dir()
        del mine
        gc.collect()
        assert not folder.exists()

    def test_folders_of_the_dead_go(self, temporary):
        own = scratch.Scratch()
        mine = own.folder()
        home, _, created = mine.name.split("-")[1:4]
        parent = psutil.Process().ppid()
        dead = [
            temporary / f"hpopt-{home}-{2**22 + 1}-{created}-a",
            temporary / f"hpopt-{home}-{parent}-{int(time.time()) - 10**6}-b",
        ]
        strangers = [
            temporary / f"hpopt-00000000-{2**22 + 1}-{created}-c",
            temporary / "hpopt-mine",
            temporary / f"hpopt-{home}-of-my-own-x",
        ]
        for folder in dead + strangers:
            folder.mkdir()
            (folder / "file").touch()
        scratch.remove_dead_scratch()
        assert not any(folder.exists() for folder in dead)
        assert all(folder.exists() for folder in [mine, *strangers])
