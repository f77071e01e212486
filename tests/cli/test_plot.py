import json
import subprocess
import sys

import pytest
from reports.plots.studies import mixed, study_of

import hpopt
from hpopt.cli import main


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("plot") / "mixed.db"
    study_of(mixed(), path=path, space={"x": hpopt.Float(0, 1), "n": hpopt.Int(1, 9)})
    return path


def error_of(capsys, *arguments):
    assert main(["plot", *map(str, arguments)]) == 1
    return capsys.readouterr().err


def test_a_figure_is_written_into_a_file(path, tmp_path):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for ending, start in starts.items():
        file = tmp_path / f"progress.{ending}"
        assert main(["plot", str(path), "progress", "--by", "time", "-o", str(file)]) == 0
        assert file.read_bytes().startswith(start)
    first = (tmp_path / "progress.svg").read_bytes()
    main(["plot", str(path), "progress", "--by", "time", "-o", str(tmp_path / "again.svg")])
    assert (tmp_path / "again.svg").read_bytes() == first


def test_all_figures_that_there_are_go_into_a_folder(path, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    assert main(["plot", str(path), "all", "-o", str(tmp_path / "all"), "--format", "svg"]) == 0
    assert {each.stem for each in (tmp_path / "all").iterdir()} >= {
        "progress", "slices", "settings", "parallel_coordinates", "timeline", "learning_curves",
    }  # fmt: skip
    assert "no front: a front must have two objectives" in capsys.readouterr().err


def test_mistakes_are_said(path, tmp_path, capsys):
    file = tmp_path / "x.png"
    assert "did you mean 'progress'?" in error_of(capsys, path, "progres", "-o", file)
    assert "must end in .png, .svg, .pdf" in error_of(
        capsys, path, "progress", "-o", tmp_path / "x.gif"
    )
    assert "slices has no option 'by'" in error_of(
        capsys, path, "slices", "--by", "time", "-o", file
    )
    assert "must go to a folder" in error_of(capsys, path, "all", "-o", file)
    assert "KIND all: name one" in error_of(capsys, path, "all", "--by", "time", "-o", tmp_path)
    assert not file.exists()


def test_without_matplotlib_it_says_what_to_install(path, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    said = error_of(capsys, path, "progress", "-o", tmp_path / "x.png")
    assert said.endswith("needs matplotlib, which is not installed: pip install 'hpopt[reports]'\n")


def test_the_help_knows_the_figures_without_importing_them():
    from hpopt.cli import plot
    from hpopt.reports import plots

    assert tuple(plots.KINDS) == plot.KINDS
    assert plots.ENDINGS == plot.ENDINGS
    code = "import sys, hpopt.cli.parser; print([m for m in sys.modules if 'hpopt.reports.p' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == ["hpopt.reports.printing"]
