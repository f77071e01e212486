"""A space as features: distances that a kernel can use."""

import numpy as np
import pytest

from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.space import Categorical, Float, Int, Ordinal, Space, Vector

from ..modelling import BRANCHES, MIXED


def features_of(space, configs):
    encoding = Encoding(space)
    return encoding.features(space.encode(configs)), encoding


def test_distances_are_those_of_the_recipe():
    features, encoding = features_of(
        BRANCHES,
        [
            {"x": 0.2, "model": "a", "rate": 0.9},
            {"x": 0.2, "model": "b", "rate": 0.9},
            {"x": 0.7, "model": "c", "depth": 9, "how": "u"},
            {"x": 0.7, "model": "c", "depth": 9, "how": "v"},
        ],
    )

    def by_coordinate(a, b):
        squares = (features[a] - features[b]) ** 2
        return np.bincount(encoding.groups, squares, minlength=BRANCHES.d)

    centre = (9 - 0.5) / 9
    np.testing.assert_allclose(by_coordinate(0, 1), [0, 1, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(
        by_coordinate(0, 2), [0.25, 1, 0.4**2, (centre - 0.5) ** 2, 0.5], atol=1e-12
    )
    np.testing.assert_allclose(by_coordinate(2, 3), [0, 0, 0, 0, 1], atol=1e-15)


def test_beside_a_point_are_its_next_values():
    space = Space(
        {
            "few": Int(1, 9),
            "log": Int(1, 60, log=True),
            "order": Ordinal(list("pqr")),
            "real": Float(0, 1),
            "many": Int(0, 10**6),
            "kind": Categorical(["a", "b", "c"]),
        }
    )
    encoding = Encoding(space)
    for config in space.decode(space.random(40, np.random.default_rng(0))):
        point = space.snap(space.encode([config]))[0]
        below, above = (space.decode(each[None])[0] for each in encoding.beside(point))
        letter = "pqr".index(config["order"])
        for found, end, step, inner in ((below, 0, -1, max), (above, -1, 1, min)):
            expected = config | {
                "few": inner((1, 9)[end], config["few"] + step),
                "log": inner((1, 60)[end], config["log"] + step),
                "order": "pqr"[inner((0, 2)[end], letter + step)],
            }
            assert found == expected


def test_configs_that_are_equal_have_equal_features():
    encoding, rng = Encoding(MIXED), np.random.default_rng(0)
    points = MIXED.random(200, rng)
    asleep = np.where(MIXED.active(points), points, rng.random(points.shape))
    snapped = [MIXED.snap(each) for each in (points, asleep, MIXED.encode(MIXED.decode(points)))]
    features = [encoding.features(each) for each in snapped]
    np.testing.assert_array_equal(features[0], features[1])
    np.testing.assert_allclose(features[0], features[2], atol=1e-9)


def test_levels_lie_where_the_space_has_them():
    encoding = Encoding(MIXED)
    for name, centres in zip(encoding.names, encoding.centres, strict=True):
        if name in ("x", "rate", "many", "power") or name.endswith("width"):
            assert centres is None  # continuous, or as good as that
        else:
            assert (np.diff(centres) > 0).all()
    points = np.full((100, MIXED.d), 0.5)
    place = encoding.names.index("n")
    points[:, place] = encoding.centres[place]
    np.testing.assert_allclose(MIXED.snap(points)[:, place], points[:, place])
    assert [config["n"] for config in MIXED.decode(points)] == list(range(1, 101))


def test_coordinates_have_names():
    names = Encoding(MIXED).names
    assert len(names) == MIXED.d
    assert names[:3] == ["x", "rate", "n"]
    assert "len(layers)" in names
    assert "layers[2].width" in names


def test_effective_dimensions_are_those_that_matter():
    assert Encoding(BRANCHES).n_effective == pytest.approx(2 + 2 / 7 + 2 / 7, abs=0.15)
    assert Encoding(Space({"c": Categorical(["only"])})).n_effective == 1.0
    assert Encoding(Space({f"x{j}": Float(0, 1) for j in range(9)})).n_effective == 9.0


def test_each_number_of_a_vector_is_a_coordinate():
    space = Space({"w": Vector(3, -1, 1), "k": Categorical(["a", "b"])})
    encoding = Encoding(space)
    assert encoding.names == ["w[0]", "w[1]", "w[2]", "k"]
    assert encoding.smooth.tolist() == [True, True, True, False]
    points = space.encode([{"w": [-1.0, 0.0, 1.0], "k": "b"}])
    np.testing.assert_allclose(encoding.features(points), [[0.0, 0.5, 1.0, 0.0, np.sqrt(0.5)]])
