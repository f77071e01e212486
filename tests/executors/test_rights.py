"""Whoever reads a call's number from the pipe has the right to it; the other has not."""

import os
import random

import pytest

from hpopt.executors.rights import Rights

posix = pytest.mark.skipif(os.name != "posix", reason="descriptors cannot be handed on here")


@pytest.fixture
def sides():
    driver = Rights.of_driver()
    yield driver, Rights(driver.read_end)
    driver.close()


@posix
class TestBothSides:
    def test_the_worker_takes_what_the_driver_has_left(self, sides):
        driver, worker = sides
        driver.grant()
        assert worker.take(1)
        assert not driver.take_back()

    def test_what_the_driver_has_taken_back_is_passed_over(self, sides):
        driver, worker = sides
        driver.grant()
        assert driver.take_back()
        assert not worker.take(1)

    def test_the_right_to_a_later_call_is_kept_for_it(self, sides):
        driver, worker = sides
        driver.grant()
        assert driver.take_back()
        driver.grant()
        assert not worker.take(1)
        assert worker.take(2)
        assert not driver.take_back()

    def test_each_right_is_taken_by_one_of_them(self, sides):
        driver, worker = sides
        rng, seen, taken_back = random.Random(0), 0, set()
        for number in range(1, 300):
            driver.grant()
            if rng.random() < 0.4 and driver.take_back():
                taken_back.add(number)
                if rng.random() < 0.5:  # the worker comes to this one only after the next was sent
                    continue
            for each in range(seen + 1, number + 1):
                assert worker.take(each) == (each not in taken_back)
            seen = number
        assert 50 < len(taken_back) < 200

    def test_nobody_runs_anything_when_the_worker_has_gone(self, sides):
        driver, _ = sides
        driver.grant()
        driver.close()
        driver.close()
        assert driver.take_back()

    def test_a_worker_whose_driver_has_gone_takes_nothing(self):
        read_end, write_end = os.pipe()
        os.close(write_end)
        assert not Rights(read_end).take(1)
        os.close(read_end)


def test_without_a_pipe_all_rights_are_the_workers():
    driver, worker = Rights(-1), Rights(-1)
    driver.grant()
    assert not driver.take_back()
    assert worker.take(1)
    driver.close()
