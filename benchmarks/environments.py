"""An environment of its own for each peer, made where it is missing.

    python benchmarks/environments.py            # make what is missing
    python benchmarks/environments.py --upgrade  # bring the peers to their newest versions

They lie in ``benchmarks/.venvs/``. hpopt itself runs in the Python that runs the benchmarks.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = {"optuna": ["optuna>=5", "scipy"]}
"""What each peer's environment holds; Optuna's quasi-random sampler needs scipy."""


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
    if upgrade or not done.exists():
        install = [str(python), "-m", "pip", "install", "--quiet", "--upgrade", *PEERS[peer]]
        subprocess.run(install, check=True)
        done.touch()
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    arguments = parser.parse_args()
    for peer in PEERS:
        print(f"{peer}: {ensure(peer, upgrade=arguments.upgrade)}")


if __name__ == "__main__":
    main()
