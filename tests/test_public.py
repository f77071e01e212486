"""The public names are true, importing them is cheap, and the package ships what it promises."""

import importlib
import importlib.resources
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hpopt

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
RELIED_ON = [
    "FunctionProblem",
    "GeneticAlgorithm",
    "GridSearch",
    "Limits",
    "QuasiRandomSearch",
    "RandomSearch",
    "Sequence",
    "Space",
    "Study",
    "failed",
    "optimize",
]
HEAVY = [
    "distributed",
    "joblib",
    "keras",
    "matplotlib",
    "pandas",
    "rich",
    "scipy.optimize",
    "scipy.stats",
    "sklearn",
    "tensorflow",
    "torch",
]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages():
    """Give the packages of hpopt that can be imported without an extra."""
    names = ["hpopt"]
    for found in pkgutil.walk_packages(hpopt.__path__, "hpopt."):
        if found.ispkg and not found.name.startswith("hpopt.problems.keras"):
            names.append(found.name)
    return names


class TestNames:
    def test_they_are_different(self):
        assert len(hpopt.__all__) == len(set(hpopt.__all__))

    @pytest.mark.parametrize("package", packages())
    def test_they_exist(self, package):
        module = importlib.import_module(package)
        for name in getattr(module, "__all__", ()):
            assert getattr(module, name) is not None

    def test_what_others_rely_on_is_there(self):
        assert set(RELIED_ON) <= set(hpopt.__all__)

    def test_there_are_no_others(self):
        """A name without an underscore that is no module of the package is meant for users."""
        public = {name for name in dir(hpopt) if not name.startswith("_")}
        modules = {name for name in public if inspect.ismodule(getattr(hpopt, name))}
        assert public - modules <= set(hpopt.__all__)
        assert {"errors", "space", "study"} <= modules

    def test_a_star_gives_them(self):
        given = {}
        exec("from hpopt import *", given)
        assert set(hpopt.__all__) <= set(given)

    def test_each_says_what_it_is(self):
        for name in set(hpopt.__all__) - {"__version__"}:
            assert inspect.getdoc(getattr(hpopt, name)), name

    def test_an_unknown_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="no attribute 'optimise'"):
            hpopt.optimise  # noqa: B018


def test_importing_hpopt_imports_nothing_heavy():
    code = "import sys, json, hpopt; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
    )
    assert result.returncode == 0, result.stderr
    imported = json.loads(result.stdout)
    assert [name for name in HEAVY if name in imported] == []
    assert "numpy" in imported


class TestPackage:
    def test_the_version_is_in_one_place(self, project):
        assert re.fullmatch(r"\d+\.\d+\.\d+([ab.]\w+)?", hpopt.__version__)
        assert "version" not in project["project"]
        assert project["project"]["dynamic"] == ["version"]
        assert project["tool"]["setuptools"]["dynamic"]["version"] == {
            "attr": "hpopt._version.__version__"
        }
        saying = [
            path.relative_to(ROOT).as_posix()
            for path in [*ROOT.glob("hpopt/**/*.py"), ROOT / "pyproject.toml", ROOT / "setup.cfg"]
            if f'"{hpopt.__version__}"' in path.read_text()
        ]
        assert saying == ["hpopt/_version.py"]

    def test_types_are_shipped(self, project):
        assert (importlib.resources.files("hpopt") / "py.typed").is_file()
        assert "py.typed" in project["tool"]["setuptools"]["package-data"]["hpopt"]

    def test_every_package_is_found_by_the_build(self):
        for folder in {path.parent for path in (ROOT / "hpopt").glob("**/*.py")}:
            assert (folder / "__init__.py").is_file(), folder
