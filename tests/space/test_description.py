import hpopt
from hpopt.sheets.text import as_text
from hpopt.space import Vector

LAYER = {"units": hpopt.Int(8, 64), "size": hpopt.Int(2, 8, step=2)}
SPACE = hpopt.Space(
    {
        "rate": hpopt.Float(1e-4, 1, log=True, default=0.01),
        "kind": hpopt.Categorical(["a", True, None]),
        "momentum": hpopt.Float(0, 0.9, step=0.1, when={"kind": "a"}),
        "layers": hpopt.Sequence(LAYER, 1, 3),
        "batch": hpopt.Ordinal([16, 32]),
        "many": hpopt.Categorical(range(20)),
        "weights": Vector(12, -1, 1),
    },
    forbid=[{"kind": "a", "batch": 16}],
)


def test_a_space_in_words():
    assert as_text(SPACE.describe(), 80).splitlines() == [
        "parameter  may be                        only where  default",
        "rate       0.0001 to 1, log scale                    0.01",
        "kind       a | true | null",
        "momentum   0 to 0.9 in steps of 0.1      kind is a",
        "layers     1 to 3 layers, each with",
        "  units    integer 8 to 64",
        "  size     integer 2 to 8 in steps of 2",
        "batch      16 < 32",
        "many       0 | 1 | 2 | … | 19 | (20)",
        "weights    12 numbers, each -1 to 1",
        "",
        "never kind is a and batch is 16",
    ]


def test_where_it_does_not_fit_all_is_said_in_one_text():
    lines = as_text(SPACE.describe(), 50).splitlines()
    assert max(map(len, lines)) <= 50
    assert lines[0] == "rate      0.0001 to 1, log scale, by default 0.01"
    assert "only where kind is" in " ".join(" ".join(lines).split())


def test_columns_without_text_are_left_out():
    plain = hpopt.Space({"x": hpopt.Float(0, 1)})
    assert as_text(plain.describe(), 80).splitlines() == ["parameter  may be", "x          0 to 1"]


def test_in_a_notebook_it_is_html_and_names_are_escaped():
    space = hpopt.Space({"<script>": hpopt.Categorical(["<b>", "&"])})
    html = space._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt; | &amp;" in html
    assert html == space.describe()._repr_html_()


def test_a_huge_space_is_not_listed_without_end():
    space = hpopt.Space({f"x{n}": hpopt.Float(0, 1) for n in range(3000)})
    assert str(space.describe()).count("\n") < 1100
