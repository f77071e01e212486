"""What an ask costs: seconds of the processor, one thread, beside Optuna and Rustuna in one run.

And what a trial of the default strategy costs beside an evaluation of a millisecond.

Each is measured several times, by turns, and the least mean counts: what other work on the machine
adds is nobody's cost.

python benchmarks/efficiency/asks.py
python benchmarks/efficiency/asks.py --no-peers --asks 5
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from environments import ensure
from printing import drawn, keep, machine
from rows import Line
from sides import Side

HERE = Path(__file__).resolve().parent
PEERS = ("optuna", "rustuna")
TOLD = (100, 1000, 10_000)
TARGETS = {50: 20.0, 100: 30.0, 300: 60.0}
WORST = 250.0
TRIALS, SECONDS, OVERHEAD = 1000, 1e-3, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--no-peers", action="store_true", help="measure hpopt only")
    parser.add_argument("--asks", type=int, default=30, help="how many asks are timed")
    parser.add_argument("--rounds", type=int, default=3, help="how many times each is measured")
    arguments = parser.parse_args()
    ours = Side("hpopt", ensure("hpopt"), HERE / "asks_of_hpopt.py")
    peers = [] if arguments.no_peers else list(PEERS)
    lines = [of_process(ours, told, arguments.asks, arguments.rounds) for told in TARGETS]
    lines += [of_tpe(ours, told, arguments, peers) for told in TOLD]
    lines.append(of_auto(ours, arguments.rounds))
    about = machine()
    text = drawn(lines, Line("what", "hpopt", "beside", "ratio", "target", None))
    print(f"{about}\n\n{text}")
    keep("asks", about, lines, text)


def of_process(ours: Side, told: int, n: int, rounds: int) -> Line:
    asked = {"strategy": "bayesian", "told": told, "n": n, "space": "14 mixed"}
    found = least([ours.call("asks", **asked) for _ in range(rounds)])
    return Line(
        f"bayesian, an ask after {told} results, 14 mixed dimensions",
        f"{found['ms']:.1f} ms, worst {found['worst']:.0f} ms",
        target=f"{TARGETS[told]:.0f} ms, worst {WORST:.0f} ms",
        met=found["ms"] <= TARGETS[told] and found["worst"] < WORST,
    )


def of_tpe(ours: Side, told: int, arguments: argparse.Namespace, peers: list[str]) -> Line:
    sides = {peer: Side(peer, ensure(peer), HERE / "asks_of_peers.py") for peer in peers}
    spent: dict[str, list[Any]] = {name: [] for name in ("hpopt", *peers)}
    counted = {"told": told, "n": arguments.asks}
    for _ in range(arguments.rounds):
        mine = ours.call("asks", strategy="tpe", space="10 parameters", **counted)
        spent["hpopt"].append(mine)
        for peer, side in sides.items():
            spent[peer].append(side.call("asks", library=peer, **counted))
    theirs = {peer: least(spent[peer]) for peer in peers}
    mine = least(spent["hpopt"])["ms"]
    beside = "; ".join(f"{each['library']} {each['ms']:.2f} ms" for each in theirs.values())
    ratios = {peer: each["ms"] / mine for peer, each in theirs.items()}
    return Line(
        f"tpe, an ask after {told} results, 10 mixed parameters",
        f"{mine:.2f} ms",
        beside or "–",
        "; ".join(f"{ratio:.1f} × {peer}'s" for peer, ratio in ratios.items()) or "–",
        "faster than Rustuna, 10 × Optuna",
        ratios["rustuna"] > 1 and ratios["optuna"] >= 10 if peers else None,
    )


def of_auto(ours: Side, rounds: int) -> Line:
    asked = {"strategy": "auto", "n": TRIALS, "seconds": SECONDS}
    spent = least([ours.call("trials", **asked) for _ in range(rounds)])["ms"]
    return Line(
        f"auto, a trial of {1e3 * SECONDS:.0f} ms among {TRIALS:,}, 14 mixed dimensions",
        f"{spent:.2f} ms",
        target=f"{OVERHEAD:.0f} ms",
        met=spent < OVERHEAD,
    )


def least(found: list[Any]) -> Any:
    """Give the measurement of the least mean."""
    return min(found, key=lambda each: each["ms"])


if __name__ == "__main__":
    main()
