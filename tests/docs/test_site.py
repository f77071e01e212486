"""The site builds without a warning, and has every public name.

It is built in a temporary folder, or where the variable HPOPT_SITE says: continuous integration
keeps it in docs/_build/html.
"""

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hpopt
from hpopt.cli.parser import make_parser
from hpopt.cli.run_file import KEYS, KEYS_OF_COMMAND, KEYS_OF_LIMITS, KINDS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MODULES = [
    "hpopt",
    "hpopt.errors",
    "hpopt.executors",
    "hpopt.problems.keras",
    "hpopt.space",
    "hpopt.stopping",
    "hpopt.storage",
    "hpopt.testing",
]
NOT_LISTED = {"__version__", "early_stopping", "stopping", "Header"}
"""What needs no entry of its own."""

# Its pictures are drawn from real searches, which takes minutes where other tests run beside it.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for needed in ("sphinx", "myst_parser", "furo", "matplotlib"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed: pip install 'hpopt[docs]'")
    kept = os.environ.get("HPOPT_SITE")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("site")
    place = str(Path(hpopt.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [place, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-E", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(tmp_path_factory.mktemp("doctrees")), str(DOCS), str(folder)],
        cwd=tmp_path_factory.getbasetemp(),
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return folder


def test_it_has_every_page(site):
    pages = [page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")]
    assert [str(page) for page in pages if not (site / page).exists()] == []


@pytest.mark.parametrize("module", MODULES)
def test_it_has_every_public_name(site, module):
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    listed = {
        name.rpartition(".")[2]
        for kind in ("py:class", "py:function", "py:exception")
        for name in inventory.data.get(kind, {})
    }
    imported = importlib.import_module(module)
    names = getattr(imported, "__all__", None) or [
        name
        for name, value in vars(imported).items()
        if getattr(value, "__module__", "") == module and isinstance(value, type)
    ]
    assert {name for name in names if not name.startswith("_")} - NOT_LISTED - listed == set()


def test_the_command_line_page_has_every_option_and_key():
    page = (DOCS / "command_line.md").read_text()
    parser = make_parser()
    (commands,) = (action.choices for action in parser._actions if action.choices)
    options = {
        option
        for each in (parser, *commands.values())
        for action in each._actions
        for option in action.option_strings
    }
    keys = {*KEYS, *KINDS, *KEYS_OF_COMMAND, *KEYS_OF_LIMITS}
    assert {command for command in commands if f"hpopt {command} " not in page} == set()
    assert {option for option in options if not re.search(rf"`{option}[ `]", page)} == set()
    assert {key for key in keys if f"`{key}`" not in page} == set()


def test_each_page_is_reached_from_the_index():
    listed = set()
    for page in DOCS.rglob("*.md"):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL):
            entries = [line for line in tree.split() if re.fullmatch(r"[a-z0-9_/]+", line)]
            listed |= {(page.parent / entry).with_suffix(".md") for entry in entries}
    assert {str(page) for page in DOCS.rglob("*.md")} - set(map(str, listed)) == {
        str(DOCS / "index.md")
    }


def test_the_map_for_contributors_names_what_exists():
    page = (DOCS / "contributing.md").read_text()
    named = set(re.findall(r"`((?:hpopt|docs|examples|benchmarks|tests)/[\w./]*)`", page))
    assert len(named) > 30
    built = "docs/_build/html"
    assert {name for name in named - {built} if not (ROOT / name).exists()} == set()
    folders = {path.name for path in (ROOT / "hpopt").iterdir() if (path / "__init__.py").exists()}
    assert {folder for folder in folders if f"`hpopt/{folder}/`" not in page} == set()
