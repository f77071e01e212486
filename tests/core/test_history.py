import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hpopt.core import History


@given(st.integers(0, 200).flatmap(lambda n: st.permutations(range(n))))
def test_it_is_a_list_that_grows(numbers):
    history, plain, told = History(2, 1), [], set()
    for number in numbers:
        point, loss = np.array([number / 7, 0.5]), np.array([-float(number)])
        history.append(number, point, loss)
        plain.append((number, point.tolist(), loss.tolist()))
        told.add(number)
        n_contiguous = next(k for k in range(len(numbers) + 1) if k not in told)
        assert history.n_contiguous == n_contiguous
    assert len(history) == len(plain)
    assert history.numbers.tolist() == [number for number, _, _ in plain]
    assert history.points.tolist() == [point for _, point, _ in plain]
    assert history.losses.tolist() == [loss for _, _, loss in plain]
    rows = history.rows(np.arange(len(numbers)))
    assert history.numbers[rows].tolist() == list(range(len(numbers)))


def test_numbers_may_be_far_apart():
    history = History(1, 2)
    for number in (100_000, 3, 0):
        history.append(number, np.array([0.1]), np.array([1.0, np.inf]))
    assert 100_000 in history
    assert 3 in history
    for absent in (-1, 1, 99_999, 10**9):
        assert absent not in history
    assert history.n_contiguous == 1
    assert history.rows(np.array([3, 100_000])).tolist() == [1, 0]


def test_an_empty_one():
    history = History(3, 2)
    assert len(history) == 0
    assert history.points.shape == (0, 3)
    assert history.losses.shape == (0, 2)
    assert history.n_contiguous == 0
    assert 0 not in history


def test_it_keeps_copies():
    history, point = History(1, 1), np.array([0.5])
    history.append(0, point, np.array([1.0]))
    point[0] = 0.9
    assert history.points.tolist() == [[0.5]]


def test_what_was_known_before_comes_first_and_counts_for_nothing_else():
    history, known = History(2, 1), np.arange(140.0).reshape(70, 2)
    history.know(known[:3], np.arange(3.0)[:, None])
    history.know(known[3:], np.arange(3.0, 70)[:, None])
    assert len(history) == history.n_contiguous == 0
    history.append(1, np.array([0.5, 0.5]), np.array([7.0]))
    assert history.numbers.tolist() == [1]
    assert history.rows(np.array([1])).tolist() == [0]
    assert history.points.tolist() == [[0.5, 0.5]]
    assert history.all_points.tolist() == [*known.tolist(), [0.5, 0.5]]
    assert history.all_losses[:, 0].tolist() == [*range(70), 7.0]


def test_each_row_has_its_fidelity():
    history = History(1, 1)
    history.know(np.array([[0.1]]), np.array([[3.0]]))
    for number, fidelity in enumerate([1, None, *range(2, 80)]):
        history.append(number, np.array([0.5]), np.array([1.0]), fidelity)
    assert np.isnan(history.fidelities[1])
    assert history.fidelities[[0, *range(2, 80)]].tolist() == [1, *range(2, 80)]
