"""Studies of anybody's: a useful picture or a clear error, never a traceback."""

import numpy as np
import pytest

import hpopt
from hpopt import Objective, Outcome
from hpopt.errors import SettingError
from hpopt.reports.plots.canvas import shown
from hpopt.reports.reader import read_data
from reports.plots.studies import bred, study_of

matplotlib = pytest.importorskip("matplotlib", reason="figures need matplotlib")
from hpopt.reports import plots  # noqa: E402

NAMES = ["$x^{$", "_private", "<script>alert(1)</script>", "a\nb\x1b[31mred", "z" * 10_000]
SPACE = {name: hpopt.Float(0, 1) for name in NAMES[1:3]} | {
    "$\\frac{": hpopt.Categorical([*NAMES, "", "日本"])
}
SMALL = {"x": hpopt.Float(0, 1), "c": hpopt.Ordinal([1, 2, 3])}
WIDE = {
    "x": hpopt.Float(-8e307, 8e307),
    "y": hpopt.Float(1e-300, 1e300, log=True),
    "z": hpopt.Float(1, 1.0000001),
    "c": hpopt.Categorical([f"c{k}" for k in range(500)]),
}
CASES = {
    "names": lambda: study_of(
        [lambda c: {NAMES[0]: c[NAMES[1]], NAMES[1]: 1 - c[NAMES[1]], "$": c[NAMES[2]]}] * 12,
        (Objective(NAMES[0]), Objective(NAMES[1])),
        constraints={"$": ("<=", 0.5)},
        space=SPACE,
    ),
    "values": lambda: study_of(
        [{"loss": v} for v in [-1e308, 1e308, 0.0, 1e-320, 1e300] * 2], space=SMALL
    ),
    "decades": lambda: study_of(
        [{"loss": v} for v in [1e-320, 1e-300, 1.0, 1e300] * 3], space=SMALL
    ),
    "ranges": lambda: study_of([lambda c: {"loss": c["x"]}] * 12, space=WIDE),
    "equal": lambda: study_of([{"loss": 0.0}] * 12),
    "one": lambda: study_of([{"loss": 1.0}], space=SMALL),
    "none": lambda: study_of([], space=SMALL),
    "failed": lambda: study_of([Outcome("failed", error="$")] * 3, space=SMALL),
    "infeasible": lambda: study_of(
        [{"loss": float(k), "c": 5.0} for k in range(9)], constraints={"c": ("<=", 1)}, space=SMALL
    ),
    "stopped": lambda: study_of(
        [Outcome("stopped", {"loss": 1.0 + k}) for k in range(9)], space=SMALL
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_picture_or_a_clear_error(case):
    data, drawn = read_data(CASES[case]()), set()
    for kind in ("progress", "parallel_coordinates", "settings", "slices", "contour", "front"):
        try:
            axes = getattr(plots, kind)(data)
            figure = np.atleast_1d(axes)[0].figure
            figure.set_layout_engine("none")  # which would take most of the time
            with np.errstate(all="ignore"):
                figure.canvas.draw()
            drawn.add(kind)
        except SettingError as error:
            assert "must" in str(error)
            assert len(str(error)) < 400
    assert bool(drawn) == (case not in ("none", "failed"))


def test_text_of_a_study_is_drawn_as_it_is():
    assert [shown(name) for name in NAMES[:2]] == [r"\$x^{\$", " _private"]
    assert shown("a\nb\x1b[31m") == r"a b\u001b[31m"
    assert shown("layers[12].kernel_size_of_it", 16) == "layers[1…e_of_it"
    assert len(shown("z" * 10_000)) == 26
    assert shown("") == " "


def test_choices_with_such_names_are_in_the_legend():
    data = bred()
    kind = data.column("kind")
    evil = kind.taking(kind.values)
    object.__setattr__(evil, "choices", ("_hidden", "$\\frac{$"))
    columns = tuple(evil if each.name == "kind" else each for each in data.columns)
    object.__setattr__(data, "columns", columns)
    panel = plots.generations(data, parameters=["kind"])[1]
    panel.figure.canvas.draw()
    assert [each.get_text() for each in panel.get_legend().get_texts()] == [
        r"\$\frac{\$",
        " _hidden",
    ]
