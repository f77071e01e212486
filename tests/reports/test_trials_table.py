"""Trials side by side: which form a terminal of so many columns gets."""

import json

import pytest

import hpopt
from hpopt.reports import best_trials
from hpopt.sheets.text import as_text

LAYER = {"units": hpopt.Int(1, 512), "activation": hpopt.Categorical(["relu", "elu"])}
RATES = {f"rate_{n}": hpopt.Float(1e-4, 1, log=True) for n in range(15)}


def table(space, width, n=5, *, plain=False, values=None, start=()):
    problem = hpopt.FunctionProblem(lambda config: 0, space)
    study = hpopt.Study(problem, "random", seed=0, start=start)
    for number in range(n):
        study.tell(study.ask(), {"value": number / 7, **(values or {})})
    sheet = best_trials(study.trials, study.objectives)
    lines = as_text(sheet.plain() if plain else sheet, width).splitlines()
    return study.trials, lines[1:]


def test_parameters_are_columns_where_they_fit():
    trials, (head, *rows) = table(
        {"x": hpopt.Float(0, 1), "kind": hpopt.Categorical(["a", "b"])}, 80
    )
    assert head.split() == ["trial", "value", "seconds", "x", "kind"]
    for trial, row in zip(trials, rows, strict=True):
        assert float(row.split()[3]) == pytest.approx(trial.config["x"], rel=1e-4)
        assert row.split()[4] == trial.config["kind"]
    assert "0.14286" in rows[1]


def test_else_what_is_the_same_in_all_is_said_once():
    space = {f"constant_{n}": hpopt.Categorical([n]) for n in range(8)}
    _, (head, *rows) = table({**space, "x": hpopt.Float(0, 1)}, 80)
    assert head.split() == ["trial", "value", "seconds", "x"]
    assert len(rows) == 7
    below = " ".join(rows[5:])
    assert below.startswith("the same in all: constant_0 0, constant_1 1, ")
    assert below.endswith("constant_7 7")


def test_fifteen_parameters_that_differ_are_rows():
    trials, (head, *rows) = table(RATES, 80)
    assert head.split() == ["trial", "0", "1", "2", "3", "4"]
    assert [row.split()[0] for row in rows] == ["value", "seconds", *RATES]
    assert max(map(len, rows)) <= 80
    for row in rows[2:]:
        name, *cells = row.split()
        expected = [trial.config[name] for trial in trials]
        assert [float(cell) for cell in cells] == pytest.approx(expected, rel=1e-4)


def test_layers_have_a_line_each():
    space = {"layers": hpopt.Sequence(LAYER, 4, 6), "rate": hpopt.Float(0, 1)}
    trials, (_, *rows) = table(space, 80)
    names = [f"layers[{n}]" for n in range(6)]
    assert [row.split()[0] for row in rows] == ["value", "seconds", *names, "rate"]
    first = trials[0].config["layers"][0]
    assert rows[2].split()[1:3] == [str(first["units"]), first["activation"]]
    _, (_, row, *_) = table(space, 120)
    layers = " → ".join(
        f"{each['units']} {each['activation']}" for each in trials[0].config["layers"]
    )
    assert layers in row


def test_wide_layers_have_a_line_for_each_parameter():
    layer = {**LAYER, "dropout": hpopt.Float(0, 0.5), "norm": hpopt.Categorical([True, False])}
    trials, (_, *rows) = table({"blocks": hpopt.Sequence(layer, 1, 2)}, 80)
    names = [f"blocks[{n}].{name}" for n in range(2) for name in layer]
    assert [row.split()[0] for row in rows] == ["value", "seconds", *names]
    units = [str(trial.config["blocks"][0]["units"]) for trial in trials]
    assert rows[2].split()[1:] == units


def test_more_trials_than_fit_side_by_side_are_several_tables():
    trials, lines = table(RATES, 80, n=7)
    heads = [line.split()[1:] for line in lines if line.startswith("trial ")]
    assert len(heads) == 2
    assert [*heads[0], *heads[1]] == [str(trial.number) for trial in trials]
    assert max(map(len, lines)) <= 80
    first, last = [line.split()[1:] for line in lines if line.startswith("rate_14")]
    expected = [trial.config["rate_14"] for trial in trials]
    assert [float(cell) for cell in (*first, *last)] == pytest.approx(expected, rel=1e-4)


def test_what_is_the_same_in_every_layer_of_this_place_is_said_too():
    layer = {"units": hpopt.Categorical([117]), "dropout": hpopt.Float(0, 0.5)}
    layer |= {f"a_long_name_{n}": hpopt.Float(0, 1) for n in range(3)}
    _, (_, *rows) = table({"layers": hpopt.Sequence(layer, 2, 2)}, 80)
    assert "layers[1].dropout" in [row.split()[0] for row in rows]
    assert "the same in all: layers[0].units 117, layers[1].units 117" in " ".join(rows)


def test_where_nothing_fits_there_is_a_block_a_trial_and_no_word_is_cut():
    trials, lines = table(RATES, 40)
    assert max(map(len, lines)) <= 40
    assert [line for line in lines if line.startswith("trial ")] == [
        line for line in lines if not line.startswith(" ")
    ]
    words = " ".join(lines).replace(",", "").split()
    for name in RATES:
        assert words.count(name) == len(trials)


def test_where_nobody_looks_on_a_row_ends_with_the_config_as_json():
    trials, (head, *rows) = table(RATES, 10_000, plain=True)
    assert head.split() == ["trial", "value", "seconds", "config"]
    for trial, row in zip(trials, rows, strict=True):
        assert json.loads(row[row.index("{") :]) == trial.config


def test_other_values_have_columns_and_not_without_end():
    _, (head, *_) = table({"x": hpopt.Float(0, 1)}, 80, values={"lost": 3.0})
    assert head.split() == ["trial", "value", "seconds", "lost", "x"]
    many = {f"v{n}": 1.0 for n in range(500)}
    _, (head, *_) = table({"x": hpopt.Float(0, 1)}, 10_000, values=many)
    assert len(head.split()) < 20


def test_one_trial_alone_shares_nothing():
    _, lines = table(RATES, 80, n=1)
    assert [line.split()[0] for line in lines] == ["trial", "value", "seconds", *RATES]


@pytest.mark.parametrize("width", [20, 80, 10_000])
def test_hostile_names_and_texts_are_harmless(width):
    name, text = "<b>\x1b[31m" + "n" * 10_000, "[red]\u202e" + "t" * 10_000
    _, lines = table({name: hpopt.Categorical([text, *range(9)])}, width, start=[{name: text}])
    shown = "\n".join(lines)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert max(map(len, lines)) <= max(width, 20)


def test_names_are_in_the_order_of_the_config_whichever_trial_has_them():
    space = {
        "kind": hpopt.Categorical(["a", "b"]),
        "of_a": hpopt.Float(0, 1, when={"kind": "a"}),
        "of_b": hpopt.Float(0, 1, when={"kind": "b"}),
        "last": hpopt.Float(0, 1),
    }
    start = [{"kind": "b"}, {"kind": "a"}]
    _, (head, *_) = table(space, 80, n=2, start=start)
    assert set(head.split()[4:6]) == {"of_a", "of_b"}
    assert head.split()[-1] == "last"
