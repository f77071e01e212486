"""The public names are true, importing them is cheap, and the package ships what it promises."""

import ast
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
from hpopt.errors import MissingExtraError
from hpopt.optimizers import BY_NAME
from hpopt.optimizers.registry import CLASSES

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
        try:
            module = importlib.import_module(package)
        except MissingExtraError as error:
            pytest.skip(str(error))
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


class TestStrategiesAreImportedWhenUsed:
    @pytest.mark.parametrize("package", ["hpopt", "hpopt.optimizers"])
    def test_readers_of_types_see_the_same_names(self, package):
        module = importlib.import_module(package)
        stub = ast.parse(Path(module.__file__).with_suffix(".pyi").read_text())
        typed = {}
        for node in stub.body:
            if isinstance(node, ast.ImportFrom):
                home = importlib.import_module(node.module)
                typed |= {each.asname or each.name: (home, each.name) for each in node.names}
        assert set(typed) == set(module.__all__)
        for name, (home, there) in typed.items():
            assert getattr(module, name) is getattr(home, there)

    def test_the_table_is_true(self):
        assert list(CLASSES) == sorted(CLASSES)
        for name, strategy in BY_NAME.items():
            assert strategy.name == name
            assert (strategy.__module__, strategy.__name__) == (
                f"hpopt.optimizers.{CLASSES[name][0]}",
                CLASSES[name][1],
            )

    def test_they_are_in_the_listing_before_their_import(self):
        assert {"Chain", "TPE"} <= set(dir(hpopt))
        assert {"Chain", "TPE", "make_optimizer"} <= set(dir(hpopt.optimizers))

    def test_an_unknown_one_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="no attribute 'RandomSerach'"):
            hpopt.optimizers.RandomSerach  # noqa: B018


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
    strategies = {f"hpopt.optimizers.{module}" for module, _ in CLASSES.values()}
    assert strategies & set(imported) == set()


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
