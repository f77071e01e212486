"""Who may import whom: the ranks of the design, read off the source."""

import ast
import functools
import sys
from pathlib import Path

import pytest

import hpopt

ROOT = Path(hpopt.__file__).parent
RANKS = {
    "errors": 0,
    "_version": 0,
    "digits": 0,
    "terminal": 0,
    "process_tree": 0,
    "checks": 0.5,
    "sheets": 0.5,  # tables and texts as data, as text, as HTML
    "space": 1,
    "numerics": 1,
    "names": 1,
    "core": 2,
    "optimizers": 3,
    "executors": 3,
    "problems": 3,
    "storage": 3,
    "stopping": 3,
    "early_stopping": 3,
    "progress": 3,
    "reports": 4,  # of what can be read of a study, whoever reads it
    "study": 5,
    "testing": 6,
    "cli": 6,
    "integrations": 6,
    "sklearn": 6,  # the search for its users
}
TOP = 7
HOMES = {
    "keras": ("problems/keras/",),
    "tensorflow": ("problems/keras/",),
    "distributed": ("executors/dask.py", "executors/cluster/dask_"),
    "dask": ("executors/dask.py", "executors/cluster/dask_"),
    "mpi4py": ("executors/mpi.py",),
    "ray": ("executors/ray.py",),
    "matplotlib": ("reports/",),
    "starlette": ("reports/dashboard/",),
    "yaml": ("cli/reading.py",),
    "uvicorn": ("reports/dashboard/",),
    "optuna": ("integrations/optuna/",),
    "tensorboard": ("integrations/trackers/tensorboard.py",),
    "mlflow": ("integrations/trackers/mlflow.py",),
    "wandb": ("integrations/trackers/wandb.py",),
    "trackio": ("integrations/trackers/trackio.py",),
    "keras_tuner": ("integrations/keras_tuner/",),
    "ConfigSpace": ("integrations/configspace/",),
}
FILES = sorted(ROOT.rglob("*.py"))


def module_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def folder_of(module):
    """Return the folder that a module belongs to; "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


def rank_of(module):
    folder = folder_of(module)
    return TOP if folder in ("", "__main__") else RANKS[folder]


@functools.cache
def imports(path):
    """Give the modules that a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module if node.level == 0 else absolute(path, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in MODULES else base)
    return found


def absolute(path, node):
    package = module_of(path).split(".") if path.name == "__init__.py" else None
    parts = package or module_of(path).split(".")[:-1]
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def inside(module):
    """Return the modules of the package that one of them imports."""
    return {name for name in imports(MODULES[module]) if name.split(".")[0] == "hpopt"}


def test_every_folder_has_a_rank():
    rooms = {folder_of(module) for module in MODULES} - {"", "__main__"}
    assert rooms <= set(RANKS)
    assert {"errors", "space", "numerics", "core", "optimizers"} <= rooms


def test_imports_point_down_or_stay_in_the_folder():
    wrong = [
        f"{module} imports {imported}"
        for module in MODULES
        for imported in inside(module)
        if folder_of(imported) != folder_of(module) and rank_of(imported) >= rank_of(module)
    ]
    assert not wrong


def test_training_knows_nothing_of_untrained_networks():
    keras, wing = "hpopt.problems.keras", "hpopt.problems.keras.untrained"
    for module in MODULES:
        if module.startswith(f"{keras}.") and not module.startswith(wing):
            assert not any(each.startswith(wing) for each in inside(module)), module


def test_no_import_goes_round():
    done, path = set(), []

    def visit(module):
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module not in done:
            path.append(module)
            for imported in sorted(inside(module) & set(MODULES)):
                visit(imported)
            path.pop()
            done.add(module)

    for module in MODULES:
        visit(module)


def test_what_is_imported_exists():
    for module in MODULES:
        assert inside(module) <= set(MODULES), f"{module}: {inside(module) - set(MODULES)}"


def test_nothing_is_imported_for_types_only():
    asking = [str(path) for path in FILES if "TYPE_CHECKING" in path.read_text(encoding="utf-8")]
    assert not asking


@pytest.mark.parametrize("library", HOMES)
def test_outside_libraries_have_one_home(library):
    for path in FILES:
        if any(name.split(".")[0] == library for name in imports(path)):
            assert path.relative_to(ROOT).as_posix().startswith(HOMES[library])


def test_the_mathematics_knows_arrays_only():
    for module, path in MODULES.items():
        if folder_of(module) == "numerics":
            libraries = {name.split(".")[0] for name in imports(path)} - {"hpopt"}
            assert libraries - set(sys.stdlib_module_names) <= {"numpy", "scipy"}
