"""Series: parts in the order of time, scaling by the past only, windows, and clear errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.errors import SettingError, UnknownNameError
from hpopt.problems.time_series import TimeSeries

COUNT = np.arange(100.0)


def plain(values=COUNT, **settings):
    return TimeSeries(values, **({"scaling": None} | settings))


class TestWindows:
    def test_each_predicts_the_step_after_it(self):
        x, y = plain().windows(3)
        assert x.shape == (67, 3, 1)
        assert y.shape == (67, 1)
        assert x[0, :, 0].tolist() == [0, 1, 2]
        assert (y[:, 0] == x[:, -1, 0] + 1).all()
        assert y[-1] == 69

    def test_parts_follow_one_another(self):
        series = plain()
        predicted = [series.windows(5, part).y[:, 0] for part in ("train", "validation", "test")]
        np.testing.assert_array_equal(np.concatenate(predicted), COUNT[5:])

    def test_all_look_backs_predict_the_same_steps(self):
        series = plain()
        targets = [series.windows(look_back, "test").y for look_back in (1, 7, 60)]
        for each in targets:
            np.testing.assert_array_equal(each[:, 0], np.arange(80, 100))

    def test_they_may_be_kept_within_the_part(self):
        x, y = plain().windows(5, "test", reach_back=False)
        assert x.min() == 80
        assert y[:, 0].tolist() == list(range(85, 100))

    def test_a_horizon_gives_several_steps(self):
        x, y = plain(horizon=4).windows(2, "validation")
        assert y.shape == (7, 4, 1)
        assert x[0, :, 0].tolist() == [68, 69]
        assert y[0, :, 0].tolist() == [70, 71, 72, 73]
        assert y.max() == 79

    @given(
        n=st.integers(10, 60),
        look_back=st.integers(1, 12),
        horizon=st.integers(1, 4),
        reach_back=st.booleans(),
    )
    def test_they_are_stretches_of_the_series(self, n, look_back, horizon, reach_back):
        series = plain(np.arange(float(n)), horizon=horizon, validation=0.0, test=0.3)
        start, stop = series.parts["test"]
        try:
            x, y = series.windows(look_back, "test", reach_back=reach_back)
        except SettingError:
            assert stop - (max(start, look_back) if reach_back else start + look_back) < horizon
            return
        whole = np.concatenate([x[..., 0], y.reshape(len(y), horizon)], axis=1)
        assert (np.diff(whole, axis=1) == 1).all()
        assert whole[:, look_back].min() >= start
        assert whole[-1, -1] == n - 1


TABLE = {"a": COUNT, "b": COUNT**2, "c": -COUNT}


class TestColumns:
    def test_features_and_targets_are_chosen_by_name(self):
        series = plain(TABLE, features=["c", "a"], targets="b")
        x, y = series.windows(2)
        assert x[0].tolist() == [[0, 0], [-1, 1]]
        assert y[:2].tolist() == [[4], [9]]
        assert series.names == ["a", "b", "c"]

    def test_or_by_number(self):
        x, y = plain(TABLE, features=0, targets=[1, -1]).windows(1)
        assert x[0].tolist() == [[0]]
        assert y[0].tolist() == [1, -1]

    def test_an_unknown_one_is_said(self):
        with pytest.raises(UnknownNameError, match="did you mean 'occupied'"):
            plain({"occupied": COUNT}, targets="ocupied")
        with pytest.raises(SettingError, match="a column must be below 1, but got 3"):
            plain(targets=3)


class TestScaling:
    @pytest.mark.parametrize("scaling", ["standard", "minmax"])
    def test_the_future_has_no_part_in_it(self, scaling):
        values = np.random.default_rng(0).normal(5, 3, size=(100, 2))
        other = values.copy()
        other[70:] = 1000
        one, two = (TimeSeries(each, scaling=scaling) for each in (values, other))
        for mine, theirs in zip(one.windows(4), two.windows(4), strict=True):
            np.testing.assert_array_equal(mine, theirs)

    def test_the_training_part_is_standard(self):
        series = TimeSeries(np.random.default_rng(0).normal(5, 3, size=(100, 2)))
        x = series.windows(1, "train", reach_back=False).x
        trained = series.scaling.scaled(series.values[:70])
        np.testing.assert_allclose(trained.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(trained.std(axis=0), 1)
        assert x[0, 0].tolist() == trained[0].tolist()

    def test_or_from_0_to_1(self):
        series = TimeSeries(COUNT, scaling="minmax")
        assert series.windows(1).x.min() == 0
        assert series.windows(1).y.max() == 1
        assert series.windows(1, "test").y.max() > 1

    def test_predictions_are_given_in_the_units_of_the_series(self):
        values = np.random.default_rng(0).normal(5, 3, size=(100, 3))
        series = TimeSeries(values, targets=[2, 0], horizon=2)
        y = series.windows(4, "test").y
        np.testing.assert_allclose(series.unscaled(y)[0], values[80:82][:, [2, 0]])
        with pytest.raises(SettingError, match="2 targets along its last axis"):
            series.unscaled(np.zeros((4, 3)))

    def test_a_column_that_does_not_change_is_shifted(self):
        series = TimeSeries({"a": COUNT, "b": np.full(100, 7.0)})
        assert (series.windows(2).x[..., 1] == 0).all()


class TestFiles:
    def write(self, folder, text):
        path = folder / "series.csv"
        path.write_text(text)
        return path

    def test_columns_of_numbers_are_read(self, tmp_path):
        path = self.write(tmp_path, "when,a, b\n2020-01-01,1,2.5\n2020-01-02,3,-4e1\n\n")
        series = TimeSeries.from_csv(path, test=0, validation=0)
        assert series.names == ["a", "b"]
        assert series.values.tolist() == [[1, 2.5], [3, -40]]

    def test_those_chosen(self, tmp_path):
        path = self.write(tmp_path, "a;b;c\n1;x;3\n4;y;6\n")
        series = TimeSeries.from_csv(path, columns=["c"], delimiter=";", test=0, validation=0)
        assert series.values.tolist() == [[3], [6]]

    def test_a_file_without_names(self, tmp_path):
        path = self.write(tmp_path, "1,2\n3,4\n")
        series = TimeSeries.from_csv(path, columns=1, test=0, validation=0)
        assert series.names == ["1"]
        assert series.values.tolist() == [[2], [4]]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "must have rows, but is empty"),
            ("a,b\n", "names only"),
            ("a,b\n1,2\n3,\n", r"line 3: column 'b' must be a finite number, but is ''"),
            ("a,b\n1,2\n3,nan\n", r"line 3: column 'b' must be a finite number, but is 'nan'"),
            ("a,b\n1,2\n3\n", r"line 3: column 'b' .* is nothing"),
            ("a;b\n1;2\n", r"is ',' the delimiter\?"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path, text, said):
        with pytest.raises(SettingError, match=said):
            TimeSeries.from_csv(self.write(tmp_path, text))

    def test_an_unknown_column_is_said(self, tmp_path):
        with pytest.raises(UnknownNameError, match="did you mean 'abc'"):
            TimeSeries.from_csv(self.write(tmp_path, "abc\n1\n"), columns="abd")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: plain([1, 2, np.nan, 4]), "1 of its values .* nan at step 2 of column '0'"),
        (lambda: plain({"a": [1, 2], "b": [1, np.inf]}), "inf at step 1 of column 'b'"),
        (lambda: plain(np.zeros((2, 2, 2))), r"shape \(n_steps, n_columns\), but got \(2, 2, 2\)"),
        (lambda: plain([]), "shape"),
        (lambda: plain(["a", "b"]), "a table of numbers"),
        (lambda: plain([[1, 2], [3]]), "a table of numbers"),
        (lambda: plain({"a": [1, 2], "b": [1]}), "columns must be of one length"),
        (lambda: plain(names=["a", "b"]), "names must be 1 different names"),
        (lambda: plain(horizon=0), "horizon must be an int of at least 1"),
        (lambda: plain(test=1), "0 <= test < 1 must hold"),
        (lambda: plain(test=0.5, validation=0.5), "must leave steps to train on"),
        (lambda: TimeSeries(COUNT, scaling="log"), "scaling must be"),
        (lambda: plain(targets=[]), "targets must name at least one column"),
        (lambda: plain().windows(0), "look_back must be an int"),
        (lambda: plain().windows(2.0), "look_back must be an int"),
        (lambda: plain().windows(1, "tests"), "part must be one of train, validation, test"),
        (
            lambda: plain().windows(70),
            "must fit into the 70 steps for train, but got look_back=70, horizon=1",
        ),
        (
            lambda: plain().windows(100, "test"),
            "the 20 steps for test and the 80 before them, but got look_back=100",
        ),
        (
            lambda: plain().windows(20, "test", reach_back=False),
            "the 20 steps for test, but got look_back=20",
        ),
        (lambda: plain(test=0).windows(2, "test"), "must fit into the 0 steps for test"),
    ],
)
def test_bad_input_is_said(make, said):
    with pytest.raises(SettingError, match=said):
        make()
