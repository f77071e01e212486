"""What mattered, beside Optuna's two answers on the same trials.

    HPOPT_DATA=... python benchmarks/importance [--trials 500] [--seeds 3]

500 random trials of recorded networks and boosted trees, and of a support vector machine whose
kernels have parameters of their own. Of the complete tables the true shares are known; values are
cut there as hpopt cuts them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
for folder in (HERE.parents[1], HERE.parent, HERE.parent / "strategies", HERE):
    sys.path.append(str(folder))

from environments import ensure  # noqa: E402
from sides import Side  # noqa: E402
from studied import N_TRIALS, studies  # noqa: E402

TOP = 3


def top(shares: dict[str, Any]) -> list[str]:
    def of(name: str) -> float:
        value = shares[name]
        return -float(value[0] if isinstance(value, list) else value)

    return sorted(shares, key=of)[:TOP]


def compared(n: int, seed: int) -> list[dict[str, Any]]:
    """Give each study with what all say of it."""
    given = list(studies(n, seed))
    sides = (
        Side("hpopt", Path(sys.executable), HERE / "with_hpopt.py"),
        Side("optuna", ensure("optuna"), HERE / "with_optuna.py"),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "studies.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        told = [side.call("explain", path=str(path))["studies"] for side in sides]
    return [
        {"name": study["name"], "truth": study["truth"], "said": mine | theirs}
        for study, mine, theirs in zip(given, *told, strict=True)
    ]


def rows(found: list[dict[str, Any]]) -> list[str]:
    lines = []
    for each in found:
        lines.append(f"\n{each['name']}")
        if each["truth"]:
            lines.append(f"  {'truth':18} {shown(each['truth'])}")
        for who, said in each["said"].items():
            lines.append(f"  {who:18} {shown(said['shares'])}  {said['seconds']:.2f} s")
    return lines


def shown(shares: dict[str, Any]) -> str:
    values = {k: v[0] if isinstance(v, list) else v for k, v in shares.items()}
    return ", ".join(f"{name} {values[name]:.3f}" for name in top(shares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=N_TRIALS)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    same: dict[str, list[int]] = defaultdict(list)
    first: dict[str, list[bool]] = defaultdict(list)
    covered: list[bool] = []
    for seed in range(arguments.seeds):
        found = compared(arguments.trials, seed)
        if not seed:
            print("\n".join(rows(found)))
        for each in found:
            said = {who: top(what["shares"]) for who, what in each["said"].items()}
            true = top(each["truth"]) if each["truth"] else []
            for who, names in said.items():
                same[f"{who} and hpopt"].append(len({*names} & {*said["hpopt"]}))
                if true:
                    same[f"{who} and the truth"].append(len({*names} & {*true}))
                    first[who].append(names[:1] == true[:1])
            for name, share in (each["truth"] or {}).items():
                limits = each["said"]["hpopt"]["shares"].get(name)
                covered += [limits[1] <= share <= limits[2]] if limits and share > 0.02 else []
    print(f"\nof the top {TOP}, in common (mean over studies and {arguments.seeds} seeds)")
    for who, counts in same.items():
        print(f"  {who:32} {sum(counts) / len(counts):.2f}")
    for who, right in first.items():
        print(f"  {who}: the first is right in {sum(right)} of {len(right)}")
    print(f"  hpopt's intervals hold {sum(covered)} of {len(covered)} true shares above 2 %")


if __name__ == "__main__":
    main()
