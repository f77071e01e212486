"""How a space differs from what it was is said in words that name the parameter."""

import pytest

from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space, Vector


def layers(least=1, most=3, forbid=(), **fields):
    return Sequence(Space({"units": Int(8, 64), **fields}, forbid=forbid), least, most)


SAME = [
    (Int(8, 64), Int(8, 64, default=16)),
    (Float(0, 1, default=0.5), Float(0, 1, default=0.25)),
    (layers(), layers(most=3)),
    (layers(kernel=Int(1, 3)), layers(kernel=Int(1, 3, default=3))),
]
CHANGES = [
    (Int(8, 64), Int(8, 128), ["p was Int(8, 64) and is Int(8, 128)"]),
    (Int(8, 64), Int(8, 64, log=True), ["p was Int(8, 64) and is Int(8, 64, log=True)"]),
    (Int(0, 1), Float(0, 1), ["p was Int(0, 1) and is Float(0.0, 1.0)"]),
    (
        Float(0, 1),
        Float(0, 1, step=0.5),
        ["p was Float(0.0, 1.0) and is Float(0.0, 1.0, step=0.5)"],
    ),
    (Vector(2, 0, 1), Vector(3, 0, 1), ["p was Vector(2, 0.0, 1.0) and is Vector(3, 0.0, 1.0)"]),
    (Categorical(["a"]), Categorical(["a", "b"]), ["p has the new choice 'b'"]),
    (Categorical(["ab"]), Categorical(["ab", "c", "d"]), ["p has the new choices 'c', 'd'"]),
    (
        Categorical([(3, 3), (5, 5)]),
        Categorical([(3, 3), (7, 7)]),
        ["p has the new choice (7, 7) and lost the choice (5, 5)"],
    ),
    (
        Categorical([0, 1]),
        Categorical([False, True]),
        ["p has the new choices False, True and lost the choices 0, 1"],
    ),
    (
        Categorical([1, 2]),
        Categorical([2, 1]),
        ["the choices of p were Categorical([1, 2]) and are Categorical([2, 1])"],
    ),
    (Ordinal([1, 2, 3]), Ordinal([1, 3]), ["p lost the value 2"]),
    (Ordinal([1, 2]), Categorical([1, 2]), ["p was Ordinal([1, 2]) and is Categorical([1, 2])"]),
    (
        layers(),
        layers(0, 5),
        ["p was Sequence(min_length=1, max_length=3) and is Sequence(min_length=0, max_length=5)"],
    ),
    (layers(kernel=Int(1, 3)), layers(), ["p.kernel was removed"]),
    (layers(), layers(kernel=Int(1, 3)), ["p.kernel is new"]),
    (
        layers(inner=layers()),
        layers(inner=layers(kernel=Int(1, 3))),
        ["p.inner.kernel is new"],
    ),
    (
        layers(kernel=Int(1, 3)),
        layers(kernel=Int(1, 5), units=Int(8, 16)),
        ["p.units was Int(8, 64) and is Int(8, 16)", "p.kernel was Int(1, 3) and is Int(1, 5)"],
    ),
    (
        layers(),
        layers(forbid=[{"units": 8}]),
        ["forbid in p is [{'match': {'units': [8]}}] but was []"],
    ),
    (layers(), Int(1, 3), ["p was Sequence(min_length=1, max_length=3) and is Int(1, 3)"]),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_what_is_the_same(old, new):
    assert Space({"p": old}).differences(Space({"p": new})) == []


@pytest.mark.parametrize(("old", "new", "said"), CHANGES)
def test_each_change_in_words(old, new, said):
    assert Space({"p": old}).differences(Space({"p": new})) == said
    assert Space({"p": old}) != Space({"p": new})


def test_parameters_that_come_and_go_and_their_order():
    space = Space({"a": Int(1, 2), "b": Float(0, 1)})
    assert space.differences(Space({"a": Int(1, 2), "c": Float(0, 1)})) == [
        "b was removed",
        "c is new",
    ]
    assert space.differences(Space({"b": Float(0, 1), "a": Int(1, 2)})) == [
        "the order was ['a', 'b'] and is ['b', 'a']"
    ]
    forbidding = Space(dict(space), forbid=[{"a": 1}])
    assert space.differences(forbidding) == ["forbid is [{'match': {'a': [1]}}] but was []"]


def test_conditions():
    kinds = {"kind": Categorical(["adam", "sgd", "nag"])}

    def momentum(when):
        return Space({**kinds, "momentum": Float(0, 1, when=when)})

    one, two, always = momentum({"kind": "sgd"}), momentum({"kind": ["sgd", "nag"]}), momentum(None)
    assert one.differences(two) == [
        "momentum existed where kind is 'sgd' and exists where kind is 'sgd' or 'nag'"
    ]
    assert always.differences(one) == ["momentum existed always and exists where kind is 'sgd'"]


def test_long_lists_are_cut():
    many = Categorical([f"choice {n}" for n in range(1000)])
    (said,) = Space({"p": Categorical(["choice 0"])}).differences(Space({"p": many}))
    assert said.startswith("p has the new choices 'choice 1', 'choice 2', ")
    assert said.endswith("'choice 12' and 987 more")
    (said,) = Space({"p": Ordinal(range(1000))}).differences(Space({"p": Int(0, 999)}))
    assert len(said) < 100
