"""An environment of its own for each peer, made where it is missing.

    python benchmarks/environments.py            # make what is missing
    python benchmarks/environments.py --upgrade  # bring the peers to their newest versions

They lie in ``benchmarks/.venvs/``. hpopt itself runs in the Python that runs the benchmarks, but
for `efficiency`, whose problems take packages of their own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROBLEMS = ["coco-experiment", "scikit-learn", "onnxruntime"]
"""What the problems of `efficiency` are computed with, the same for everybody."""

PEERS = {
    "deap": ["deap>=1.4", *PROBLEMS],
    "dehb": ["dehb>=0.1.2", "onnxruntime"],
    "hpopt": ["cloudpickle", "joblib", "psutil", "rich", "scipy", *PROBLEMS],
    "hyperopt": ["hyperopt>=0.2.7", "setuptools<81", *PROBLEMS],
    "joblib": ["joblib>=1.4"],
    "nevergrad": ["nevergrad>=1.0", "numpy<2.4", *PROBLEMS],
    "optuna": ["optuna>=5", "scipy", "cmaes", "torch", *PROBLEMS],
    "pymoo": ["pymoo>=0.6.1", "onnxruntime"],
    "ray": ["ray[tune]>=2.40"],
    "rustuna": ["rustuna>=0.2"],
    "smac": ["smac>=2.3", *PROBLEMS],
    "syne_tune": ["syne-tune>=0.13", "onnxruntime"],
}
"""What each peer's environment holds; Optuna's samplers need scipy, cmaes and torch, and
nevergrad's meta-models raise with numpy 2.4."""


def python_of(peer: str) -> Path:
    """Give the interpreter of a peer's environment."""
    folder = HERE / ".venvs" / peer
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def ensure(peer: str, *, upgrade: bool = False) -> Path:
    """Make a peer's environment where it is missing, and give its interpreter."""
    python = python_of(peer)
    done = python.parent.parent / "complete"
    if not done.exists():
        print(f"making an environment for {peer} ...", file=sys.stderr)
        venv.create(python.parent.parent, with_pip=True, clear=True)
    wanted = "\n".join(PEERS[peer])
    if upgrade or not done.exists() or done.read_text(encoding="utf-8") != wanted:
        install = [str(python), "-m", "pip", "install", "--quiet", *PEERS[peer]]
        subprocess.run([*install, "--upgrade"] if upgrade else install, check=True)
        done.write_text(wanted, encoding="utf-8")
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    arguments = parser.parse_args()
    for peer in PEERS:
        print(f"{peer}: {ensure(peer, upgrade=arguments.upgrade)}")


if __name__ == "__main__":
    main()
