"""Which configs were proposed, under which numbers and at which fidelities."""

import numpy as np

from hpopt.core.proposals import Proposals
from hpopt.space import Float, Space

SPACE = Space({"x": Float(0, 1)})
A, B = np.array([[0.25]]), np.array([[0.5]])


def test_a_config_repeats_where_it_was_proposed_before_at_as_high_a_fidelity():
    known = Proposals(SPACE, 0)
    both = np.concatenate([A, B, A, A, B])
    assert known.add(both, range(5), np.array([1.0, 9.0, 3.0, 3.0, 3.0])) == [3, 4]
    assert known.fidelities(A[0]) == {0: 1.0, 2: 3.0, 3: 3.0}
    assert (known.first(A[0]), known.first(B[0]), len(known)) == (0, 1, 2)
    # What was proposed under a higher number does not count: a journal may be replayed in parts.
    later = Proposals(SPACE, 0)
    later.add(A, [7], np.array([9.0]))
    assert later.add(A, [2], np.array([3.0])) == []
    assert later.first(A[0]) == 2


def test_what_is_removed_may_come_again():
    known = Proposals(SPACE, 0)
    known.add(np.concatenate([A, A]), [0, 4], np.array([1.0, 9.0]))
    known.remove(A, [4])
    assert known.add(A, [5], np.array([3.0])) == []
    known.remove(np.concatenate([A, A]), [0, 5])
    assert (len(known), known.first(A[0]), known.fidelities(A[0])) == (0, -1, {})


def test_without_fidelities_a_config_comes_once():
    known = Proposals(SPACE, 0)
    assert known.add(np.concatenate([A, B, A]), [3, 4, 5]) == [2]
    assert known.firsts(before=4) == [3]
    assert known.fidelities(A[0]) == {}
