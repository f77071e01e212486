"""Count what a reader of the package meets: files, lines, comments, and where one trial goes.

    python benchmarks/house.py            # everything, a line each
    python benchmarks/house.py --list     # also which constants and docstrings are meant

Standard library only, but for hpopt itself. Lines are counted by ast and tokenize; where a trial
goes, by a profile hook (`sys.setprofile`) between the callbacks of two trials of one run, in all
threads of the driver.
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import sys
import tempfile
import threading
import tokenize
from pathlib import Path
from types import FrameType

PACKAGE = Path(__file__).resolve().parents[1] / "hpopt"
PRIVATE_WORDS = ("Give", "Say")
WARM_TRIALS = 40
"""Trials before the one that is followed: a model-based strategy has its model by then."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="list what the counts are of")
    parser.add_argument("--package", type=Path, default=PACKAGE, help="the folder of a package")
    arguments = parser.parse_args()
    files = [Source(path) for path in sorted(arguments.package.rglob("*.py"))]
    for name, value in counts(files, arguments.package).items():
        print(f"{name:62} {value}")
    if arguments.list:
        for file in files:
            for place in (*file.bare_constants, *file.private_docstrings):
                print(f"{file.path.relative_to(arguments.package)}:{place}")
    if arguments.package == PACKAGE:
        for name, (n_files, n_calls, depth) in trials().items():
            figures = f"{n_files} files, {n_calls} calls, deepest chain {depth}"
            print(f"one journaled trial, {name:41} {figures}")


class Source:
    """One file: its lines, functions, constants and docstrings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text(encoding="utf-8")
        self.lines = text.splitlines()
        tree = ast.parse(text)
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        self.comments = {
            t.start[0]
            for t in tokens
            if t.type == tokenize.COMMENT and not t.string.startswith(("# noqa", "# type:", "# --"))
        }
        self.functions = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        self.n_docstrings = sum(ast.get_docstring(each) is not None for each in self.functions)
        self.bare_constants = list(self._bare_constants(tree))
        self.private_docstrings = [
            f"{getattr(node, 'lineno', 1)} {docstring.split(chr(10))[0]}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and (docstring := ast.get_docstring(node) or "").split(" ")[0].rstrip(":,")
            in PRIVATE_WORDS
        ]

    def _bare_constants(self, tree: ast.Module) -> list[str]:
        """Find numeric constants of the module that have no word beside them."""
        found = []
        for place, node in enumerate(tree.body):
            names, value = _assigned(node)
            if not names or not _is_numeric(value):
                continue
            following = tree.body[place + 1] if place + 1 < len(tree.body) else None
            has_docstring = (
                isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
                and isinstance(following.value.value, str)
            )
            first, last = node.lineno, node.end_lineno or node.lineno
            has_comment = any(line in self.comments for line in range(first - 1, last + 1))
            if not (has_docstring or has_comment):
                found += [f"{node.lineno} {name}" for name in names]
        return found


def _assigned(node: ast.stmt) -> tuple[list[str], ast.expr | None]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id], node.value
    if not isinstance(node, ast.Assign):
        return [], None
    names = [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    return [name for name in names if name.isupper()], node.value


def _is_numeric(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Tuple):
        return bool(value.elts) and all(map(_is_numeric, value.elts))
    if isinstance(value, ast.UnaryOp):
        return _is_numeric(value.operand)
    if isinstance(value, ast.BinOp):
        return _is_numeric(value.left) and _is_numeric(value.right)
    return isinstance(value, ast.Constant) and type(value.value) in (int, float)


def counts(files: list[Source], package: Path) -> dict[str, str]:
    n_lines = sum(len(file.lines) for file in files)
    lengths = sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1 for f in files for node in f.functions
    )
    n_functions = len(lengths)
    n_comments = sum(len(file.comments) for file in files)
    top = package / "executors"
    return {
        "files / lines": f"{len(files)} / {n_lines:,}",
        "median file": f"{statistics.median(len(file.lines) for file in files):.0f} lines",
        "functions, median / p90 / max lines": (
            f"{statistics.median(lengths):.0f} / {lengths[int(0.9 * n_functions)]} / {lengths[-1]}"
        ),
        "lines with a comment": f"{100 * n_comments / n_lines:.1f} %",
        "functions with a docstring": (
            f"{100 * sum(file.n_docstrings for file in files) / n_functions:.0f} %"
        ),
        "numeric module constants without a reason": str(sum(len(f.bare_constants) for f in files)),
        "docstrings that begin with Give or Say": str(
            sum(len(file.private_docstrings) for file in files)
        ),
        "files on the top floor of executors/": str(len(list(top.glob("*.py")))),
    }


class Follower:
    """A profile hook that notes what of the package is entered while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self.files: set[str] = set()
        self.n_calls = self.deepest = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if not self.is_on or event != "call" or not _is_own(frame):
            return
        self.files.add(frame.f_code.co_filename)
        self.n_calls += 1
        depth, above = 0, frame
        while above is not None:
            depth += _is_own(above)
            above = above.f_back  # type: ignore[assignment]
        self.deepest = max(self.deepest, depth)


def _is_own(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(str(PACKAGE))


def trials() -> dict[str, tuple[int, int, int]]:
    """Follow one journaled trial of three parameters through each of these."""
    kinds = {
        "random, serial": ("random", 1, None),
        "random, a worker process (the driver's side)": ("random", 1, "processes"),
        "tpe, serial": ("tpe", 1, None),
        "bayesian, serial": ("bayesian", 1, None),
    }
    return {name: followed(*kind) for name, kind in kinds.items()}


def cost(config: dict[str, float]) -> float:
    return (config["x"] - 1) ** 2 + config["y"] + config["n"] / 10


def followed(optimizer: str, workers: int, executor: str | None) -> tuple[int, int, int]:
    sys.path.insert(0, str(PACKAGE.parent))
    import hpopt

    follower = Follower()

    def callback(study: object, trial: hpopt.Trial) -> None:
        follower.is_on = trial.number == WARM_TRIALS

    space = {"x": hpopt.Float(-5, 5), "y": hpopt.Float(1e-3, 1, log=True), "n": hpopt.Int(1, 9)}
    problem = hpopt.FunctionProblem(cost, space)
    threading.setprofile(follower)
    sys.setprofile(follower)
    try:
        with tempfile.TemporaryDirectory() as folder:
            hpopt.optimize(
                problem,
                optimizer,
                trials=WARM_TRIALS + 2,
                workers=workers,
                executor=executor,
                study=f"{folder}/study.db",
                seed=0,
                callbacks=[callback],
                progress=False,
            )
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return len(follower.files), follower.n_calls, follower.deepest


if __name__ == "__main__":
    main()
