"""What an ask costs: seconds of the processor, one thread, beside Optuna and Rustuna in one run.

python benchmarks/efficiency/asks.py
python benchmarks/efficiency/asks.py --no-peers --asks 5
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--no-peers", action="store_true", help="measure hpopt only")
    parser.add_argument("--asks", type=int, default=30, help="how many asks are timed")
    arguments = parser.parse_args()
    ours = Side("hpopt", ensure("hpopt"), HERE / "asks_of_hpopt.py")
    peers = [] if arguments.no_peers else list(PEERS)
    lines = [of_process(ours, told, arguments.asks) for told in TARGETS]
    lines += [of_tpe(ours, told, arguments.asks, peers) for told in TOLD]
    about = machine()
    text = drawn(lines, Line("what", "hpopt", "beside", "ratio", "target", None))
    print(f"{about}\n\n{text}")
    keep("asks", about, lines, text)


def of_process(ours: Side, told: int, n: int) -> Line:
    found = ours.call("asks", strategy="bayesian", told=told, n=n, space="14 mixed")
    return Line(
        f"bayesian, an ask after {told} results, 14 mixed dimensions",
        f"{found['ms']:.1f} ms, worst {found['worst']:.0f} ms",
        target=f"{TARGETS[told]:.0f} ms, worst {WORST:.0f} ms",
        met=found["ms"] <= TARGETS[told] and found["worst"] < WORST,
    )


def of_tpe(ours: Side, told: int, n: int, peers: list[str]) -> Line:
    mine = ours.call("asks", strategy="tpe", told=told, n=n, space="10 parameters")["ms"]
    theirs = {
        peer: Side(peer, ensure(peer), HERE / "asks_of_peers.py").call(
            "asks", library=peer, told=told, n=n
        )
        for peer in peers
    }
    beside = "; ".join(f"{each['library']} {each['ms']:.1f} ms" for each in theirs.values())
    ratios = {peer: each["ms"] / mine for peer, each in theirs.items()}
    return Line(
        f"tpe, an ask after {told} results, 10 mixed parameters",
        f"{mine:.1f} ms",
        beside or "–",
        "; ".join(f"{ratio:.1f} × {peer}'s" for peer, ratio in ratios.items()) or "–",
        "faster than Rustuna, 10 × Optuna",
        ratios["rustuna"] > 1 and ratios["optuna"] >= 10 if peers else None,
    )


if __name__ == "__main__":
    main()
