"""``hpopt init``: what it writes runs as it is."""

import io

import pytest

from hpopt.cli.init_templates import TEMPLATES
from hpopt.cli.run_file import RunFile
from hpopt.study import Study


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def on_a_terminal(monkeypatch):
    """Have somebody sit at a terminal who types this."""

    def type_in(text):
        monkeypatch.setattr("sys.stdin", Terminal(text))
        monkeypatch.setattr("sys.stderr", said := Terminal())
        return said

    return type_in


@pytest.mark.parametrize(
    ("options", "trials", "objective"),
    [([], 12, "error"), (["--template", "command"], 5, "loss")],
)
def test_what_it_writes_runs(hpopt, folder, options, trials, objective):
    code, out, err = hpopt("init", *options)
    assert (code, out) == (0, "search_problem.py\nsearch.toml\n")
    assert "hpopt run search.toml" in err
    code, out, _ = hpopt("run", "search.toml", "--trials", trials, "--optimizer", "random")
    assert code == 0
    assert f"the best 5 of {trials} trials, the lowest {objective} first" in out
    assert Study.load("search.db").counts["complete"] == trials


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_commented_out_is_right_too(hpopt, folder, name):
    hpopt("init", "mine.toml", "--template", name)
    path = folder / "mine.toml"
    lines = path.read_text().splitlines()
    uncommented = [
        line.removeprefix("# ") if " = " in line.partition("#")[2] or "# [" in line else line
        for line in lines
    ]
    assert sum(a != b for a, b in zip(lines, uncommented, strict=True)) >= 10
    path.write_text("\n".join(uncommented))
    assert RunFile.read(path).content["limits"] == {"seconds": 600, "memory": "4GB"}


def test_names_are_made_of_the_files(hpopt, folder):
    (folder / "sub").mkdir()
    assert hpopt("init", "sub/my search-1.toml")[0] == 0
    content = RunFile.read(folder / "sub" / "my search-1.toml").content
    assert content["study"] == "my_search-1.db"
    assert content["problem"]["function"] == "my_search_1_problem.py:evaluate"
    assert (folder / "sub" / "my_search_1_problem.py").exists()


def test_what_exists_stays(hpopt, folder):
    (folder / "search_problem.py").write_text("mine")
    assert hpopt("init")[1] == "search.toml\n"
    assert (folder / "search_problem.py").read_text() == "mine"
    text = (folder / "search.toml").read_text()
    code, out, err = hpopt("init", "--template", "keras")
    assert (code, out, "must be new, but search.toml exists" in err) == (1, "", True)
    assert (folder / "search.toml").read_text() == text


@pytest.mark.parametrize(
    ("name", "said"), [("a.json", "must end in .toml"), ("no/a.toml", "the folder of a run file")]
)
def test_wrong_names(hpopt, folder, name, said):
    code, _, err = hpopt("init", name)
    assert (code, said in err) == (1, True)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "template"), [("\n", "function"), ("9\n3\n", "keras"), ("builtin\n", "builtin")]
)
def test_on_a_terminal_it_asks(hpopt, folder, on_a_terminal, typed, template):
    said = on_a_terminal(typed)
    assert hpopt("init")[0] == 0
    assert said.getvalue().count("What is to be tuned?") == typed.count("\n")
    assert TEMPLATES[template].code.split("\n")[3] in (folder / "search_problem.py").read_text()


def test_nobody_there_any_more(hpopt, folder, on_a_terminal):
    on_a_terminal("")
    assert hpopt("init")[0] == 130
    assert list(folder.iterdir()) == []
