"""What is in the axes of each figure."""

import dataclasses

import numpy as np
import pytest

import hpopt
from hpopt import Objective, Outcome
from hpopt.errors import SettingError, UnknownNameError
from hpopt.reports.palette import DARK, LIGHT
from hpopt.reports.reader import read_data
from reports.plots.studies import SPACE, bred, mixed, study_of

matplotlib = pytest.importorskip("matplotlib", reason="figures need matplotlib")
from hpopt.reports import importance, plots  # noqa: E402
from hpopt.reports.plots.clock import clock_of  # noqa: E402
from hpopt.reports.plots.timeline import _busy, pack  # noqa: E402


@pytest.fixture(scope="module")
def data():
    return read_data(study_of(mixed()))


def legend(ax):
    return [each.get_text() for each in ax.get_legend().get_texts()]


def said(ax):
    """Return the note below a title."""
    return " ".join(each.get_text() for each in ax.texts).replace("\n", " ")


def names(axis):
    return [each.get_text() for each in axis.get_ticklabels()]


def points(ax):
    """Return how many points are drawn as marks."""
    return sum(len(each.get_xdata()) for each in ax.lines if each.get_linestyle() == "None")


def test_progress_shows_every_trial(data):
    ax = plots.progress(data)
    assert points(ax) == 40
    assert legend(ax) == [
        "best so far", "trial", "stopped early", "without a value:", "4 failed",
    ]  # fmt: skip
    best = next(each for each in ax.lines if each.get_drawstyle() == "steps-post")
    np.testing.assert_allclose(best.get_ydata()[:-1], [1.0, 2.0][:1])
    assert ax.get_xlabel() == "trial"
    assert ax.get_ylabel() == "loss (lower is better)"
    assert ax.get_yscale() == "linear"
    assert ax.figure.get_facecolor() == matplotlib.colors.to_rgba(LIGHT.ground)


def test_progress_over_time_leaves_pauses_out(data):
    started = data.started + np.where(data.numbers >= 20, 1e6, 0.0)
    ax = plots.progress(dataclasses.replace(data, started=started), by="time", dark=True)
    assert ax.get_xlabel() == "minutes since the search began"
    drawn = np.concatenate([each.get_xdata() for each in ax.lines])
    assert drawn.max() == pytest.approx((90 + 9 + 99) / 60)
    assert "a pause of 11.6 days is left out" in said(ax)
    assert ax.figure.get_facecolor() == matplotlib.colors.to_rgba(DARK.ground)


def test_values_over_decades_are_on_a_logarithmic_axis():
    ax = plots.progress(study_of([{"loss": 10.0 ** -(k % 5)} for k in range(20)]))
    assert ax.get_yscale() == "log"


def test_what_is_far_outside_is_said_and_does_not_flatten_the_rest():
    ax = plots.progress(study_of([{"loss": v} for v in [1.0, 2.0, 3.0] * 10 + [1e300]]))
    assert ax.get_ylim()[1] < 100
    assert "outside the axis: 1 above (to 1e+300)" in said(ax)


def test_many_trials_are_thinned_by_a_rule_that_is_said():
    data = read_data(study_of([{"loss": 5.0 + k % 7} for k in range(600)], space=SPACE))
    many = 30
    rows = np.tile(np.arange(len(data)), many)
    values = {"loss": np.concatenate([data.values["loss"]] * many)}
    values["loss"][12_345] = 0.5
    one_each = {
        each.name: getattr(data, each.name)[rows]
        for each in dataclasses.fields(data)
        if isinstance(getattr(data, each.name), np.ndarray)
    }
    more = {"values": values, "numbers": np.arange(len(rows)), "worth": values["loss"]}
    columns = tuple(each.taking(each.values[rows]) for each in data.columns)
    whole = dataclasses.replace(data, **{**one_each, **more, "columns": columns})
    ax = plots.progress(whole)
    assert 3600 < points(ax) < 3700
    assert any(0.5 in each.get_ydata() for each in ax.lines if each.get_linestyle() == "None")
    assert "one of each 5 drawn" in said(ax)


def test_parallel_coordinates_have_an_axis_of_each_parameter_and_the_value(data):
    ax = plots.parallel_coordinates(data, best=3)
    assert names(ax.xaxis) == [*(each.name for each in data.columns), "loss"]
    rest, best = (each.get_segments() for each in ax.collections[:2])
    assert (len(rest), len(best)) == (36 - 3, 3)
    momentum = names(ax.xaxis).index("momentum")
    heights = np.array([line[momentum, 1] for line in [*rest, *best]])
    active = data.column("momentum").is_active[data.is_comparable]
    assert (heights < 0).sum() == (~active).sum()
    assert "inactive" in [each.get_text() for each in ax.texts]
    assert legend(ax) == ["the best 3"]


def test_settings_are_boxes_by_name(data):
    panels = plots.settings(data, parameters=["kind", "momentum", "rate"])
    assert [each.get_title() for each in panels] == ["kind", "momentum", "rate"]
    kind = data.column("kind").values[data.is_comparable]
    assert names(panels[0].xaxis) == [f"a\n{(kind == 0).sum()}", f"b\n{(kind == 1).sum()}"]
    assert names(panels[1].xaxis)[-1] == f"inactive\n{(kind == 1).sum()}"
    assert len(names(panels[2].xaxis)) == 5


def test_slices_have_the_scale_of_their_parameter(data):
    panels = {each.get_title(): each for each in plots.slices(data)}
    assert "layers[1].units" in panels
    assert panels["rate"].get_xscale() == "log"
    assert names(panels["kind"].xaxis) == ["a", "b"]
    momentum = panels["momentum"]
    assert names(momentum.xaxis)[0] == "inactive"
    x = np.concatenate([each.get_offsets()[:, 0] for each in momentum.collections])
    assert (x < 0).sum() == (~data.column("momentum").is_active[data.is_comparable]).sum()


def test_only_parameters_that_tell_something_are_shown():
    space = {f"x{k}": hpopt.Float(0, 1) for k in range(40)} | {"c": hpopt.Categorical(["only"])}
    study = study_of([lambda c: {"loss": c["x7"]}] * 40, space=space)
    panels = plots.slices(study)
    assert (len(panels), panels[0].get_title()) == (9, "x7")
    assert "31 parameters that tell less are left out and 1 that never changed" in said(
        panels[0].figure.axes[0]
    )


def test_a_contour_is_empty_where_nothing_was_tried():
    space = {"x": hpopt.Float(0, 1), "y": hpopt.Float(1e-3, 1, log=True)}
    data = read_data(study_of([lambda c: {"loss": c["x"]}] * 40, space=space))
    near = data.columns[0].taking(data.columns[0].values / 2)
    ax = plots.contour(dataclasses.replace(data, columns=(near, data.columns[1])))
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("x", "y", "log")
    drawn = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    assert 0.4 < drawn[:, 0].max() < 0.8
    with pytest.raises(SettingError, match="two different names"):
        plots.contour(data, parameters=("x", "x"))


TWO = (Objective("a"), Objective("b", "maximize"))


def test_importance_has_intervals_and_pairs():
    parts = [("x", 0.6, 0.5, 0.7, 0.8), ("y", 0.1, 0.0, 0.2, 0.2)]
    found = importance.Importance(
        "loss",
        tuple(importance.Share(*each) for each in parts),
        (importance.PairShare(("x", "y"), 0.1, 0.05, 0.2),),
        {}, (), (), 100, 0.9, True, "", (),
    )  # fmt: skip
    ax = plots.importance(found)
    assert names(ax.yaxis) == ["x", "y", "x × y"]
    assert [bar.get_width() for bar in ax.patches] == [0.8, 0.2, 0.6, 0.1, 0.1]
    assert "models predict 90 % of the variance" in said(ax)
    ends = [path.vertices[:, 0] for path in ax.collections[0].get_paths()]
    np.testing.assert_allclose(ends, [[0.5, 0.7], [0.0, 0.2], [0.05, 0.2]])
    with pytest.raises(SettingError, match="no parameter made a difference"):
        plots.importance(study_of([{"loss": 1.0}] * 3))


def test_a_front_shows_bounds_and_what_breaks_them():
    outcomes = [{"a": float(k % 7), "b": float(k % 5)} for k in range(35)]
    study = study_of(outcomes, TWO, constraints={"a": ("<=", 4)})
    ax = plots.front(study)
    assert legend(ax) == ["on the front", "trial", "breaks a constraint", "not allowed"]
    on_front = next(each for each in ax.lines if each.get_marker() == "D")
    assert len(on_front.get_xdata()) == len(study.front)
    assert any(set(each.get_xdata()) == {4.0} for each in ax.lines)


def test_three_objectives_are_shown_in_pairs():
    outcomes = [{"a": float(k % 7), "b": float(k % 5), "c": float(k % 3)} for k in range(35)]
    panels = plots.front(study_of(outcomes, (*TWO, Objective("c"))))
    assert [each.get_xlabel()[0] + each.get_ylabel()[0] for each in panels] == ["ab", "ac", "bc"]


def test_learning_curves_are_read_of_the_trials():
    ax = plots.learning_curves(study_of(mixed()))
    curves = [each for each in ax.lines if len(each.get_xdata()) == 3]
    assert len(curves) == 36
    assert sum(each.get_linestyle() == "--" for each in curves) == 4
    np.testing.assert_allclose(curves[0].get_ydata() - curves[0].get_ydata()[-1], [2 / 3, 1 / 6, 0])


def test_without_reports_fidelities_are_joined():
    study = study_of([{"loss": 3.0}] * 4, fidelity=hpopt.Fidelity(1, 9))
    data = read_data(study)
    same = tuple(each.taking(each.values[[0, 0, 1, 1]]) for each in data.columns)
    data = dataclasses.replace(data, columns=same, reached=np.array([1.0, 9.0, 1.0, 3.0]))
    ax = plots.learning_curves(data)
    assert sorted(tuple(each.get_xdata()) for each in ax.lines[:2]) == [(1, 3), (1, 9)]
    assert ax.get_xlabel() == "epochs"
    assert ax.get_xscale() == "log"


def test_generations_are_boxes_and_shares():
    panels = plots.generations(bred(), parameters=["momentum", "kind"])
    assert [each.get_title() for each in panels] == ["loss (lower is better)", "momentum", "kind"]
    assert names(panels[0].xaxis) == [str(k) for k in range(6)]
    assert names(panels[1].yaxis)[0] == "inactive"
    heights = np.array([bar.get_height() for bar in panels[2].patches]).reshape(2, 6)
    np.testing.assert_allclose(heights.sum(axis=0), 1)


def test_a_lineage_goes_back_to_the_first_generation():
    ax = plots.lineage(bred())
    main = next(each for each in ax.lines if each.get_linestyle() == "-")
    assert list(main.get_xdata()) == [0, 1, 2, 3, 4, 5]
    # The best has two parents; of these, in each generation, one has two others and one has one.
    assert len(ax.collections[0].get_segments()) == 2 + 4 * (2 + 1)
    circle = dataclasses.replace(bred(), parents={59: (59, 58, 1000), 58: (59,)})
    assert plots.lineage(circle).get_xlabel() == "generation"


def test_a_timeline_packs_trials_into_lanes_and_says_the_utilisation(data):
    unknown = dataclasses.replace(data, workers=np.full(40, -1))
    ax = plots.timeline(unknown)
    assert ax.get_title(loc="left") == f"2 workers, {100 * 18 / 19.9:.0f} % utilisation"
    assert names(ax.yaxis) == ["lane 1", "lane 2"]
    assert "workers are not recorded" in said(ax)
    named = dataclasses.replace(data, workers=data.numbers % 2, worker_names=("left", "$r_i^{"))
    assert names(plots.timeline(named).yaxis) == ["left", r"\$r_i^{"]


def test_a_timeline_of_many_trials_is_as_full_as_it_was_busy(data):
    clock = clock_of(data)
    lanes = pack(clock.begins, clock.ends)
    end = float(clock.ends.max())
    share = _busy(clock, lanes, np.full(40, True), (2, 50), end)
    assert share.sum() * end / 50 == pytest.approx((clock.ends - clock.begins).sum())
    assert share.max() <= 1 + 1e-9


def test_axes_that_are_given_are_drawn_on(data):
    figure = matplotlib.figure.Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    assert plots.progress(data, ax=left) is left
    panels = plots.slices(data, ax=right, parameters=["rate", "kind"])
    figure.canvas.draw()
    assert left.get_position().x1 < panels[0].get_position().x0
    with pytest.raises(SettingError, match="one Axes"):
        plots.progress(data, ax=[left, right])


def test_no_setting_of_matplotlib_is_changed(data):
    before = dict(matplotlib.rcParams)
    plots.settings(data, dark=True)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("draw", "options", "error", "message"),
    [
        ("progress", {"by": "hour"}, SettingError, "by must be"),
        ("progress", {"objective": "los"}, UnknownNameError, "did you mean 'loss'"),
        ("slices", {"parameters": ["rat"]}, UnknownNameError, "did you mean 'rate'"),
        ("front", {}, SettingError, "must have two objectives"),
        ("generations", {}, SettingError, "strategy that has generations"),
        ("lineage", {}, SettingError, "name no parents"),
        ("learning_curves", {}, SettingError, "data have no reports"),
    ],
)
def test_what_cannot_be_drawn_is_said(data, draw, options, error, message):
    with pytest.raises(error, match=message):
        getattr(plots, draw)(data, **options)


@pytest.mark.parametrize("draw", sorted(set(plots.KINDS) - {"timeline", "generations", "lineage"}))
def test_without_values_it_is_said(draw):
    study = study_of([Outcome("failed", error="no")] * 3, TWO)
    with pytest.raises(SettingError, match="of 3 finished trials"):
        getattr(plots, draw)(study)
