"""Importance in words."""

from __future__ import annotations

from collections.abc import Sequence

from hpopt.reports.importance.shares import Importance, PairShare, Share
from hpopt.reports.importance.targets import Target
from hpopt.reports.phrases import percent, quoted

MOST_NAMED = 3  # parameters with a sentence each: a figure shows the others
LEAST_SAID = 0.02  # a share that is worth a sentence
LEAST_SKILL = 0.1  # R² of a process that is asked
LITTLE = 0.05  # what a group of parameters may account for to be called unimportant
MOST_LISTED = 6  # names in a sentence


def too_few(name: str, target: Target, skill: float, least: int) -> tuple[str, ...]:
    """Say why nothing is known."""
    n, name = len(target.rows), quoted(name)
    if n and not target.scale > 0:
        return (f"All {n} values of {name} are the same: no parameter made a difference.",)
    if n < least:
        return (
            f"Not enough trials to say what mattered to {name}: {n} of them have values, "
            f"and {least} are needed.",
        )
    return (
        f"Not enough trials to say what mattered to {name}: a model of {n} trials explains "
        f"{percent(max(skill, 0.0))} of the differences between others.",
    )


def in_words(found: Importance) -> tuple[str, ...]:
    """Return sentences: who mattered, which together, and who did not."""
    name = quoted(found.objective)
    said = [
        _of_one(share, name) for share in found.shares[:MOST_NAMED] if share.share >= LEAST_SAID
    ]
    if not said:
        said.append(f"No parameter alone accounts for {percent(LEAST_SAID)} of {name}.")
    said += [_of_two(pair) for pair in found.pairs[:1] if pair.low > 0 and pair.share >= LEAST_SAID]
    said += _of_the_rest(found.shares, found.rest_high)
    about = f"; {found.target}" if found.target else ""
    said.append(
        f"This is of {found.n_trials} trials, over the whole space{about}. The model behind it "
        f"explains {percent(found.skill)} of the differences between trials that it has not seen."
    )
    said += _of_the_process(found)
    return tuple(said)


def _of_the_process(found: Importance) -> list[str]:
    """Say what a Gaussian process says, where it explains anything."""
    process = found.process
    if process is None or not process.skill >= LEAST_SKILL:
        return []
    named = [
        f"{quoted(name)} {percent(share)}"
        for name, share in list(process.shares.items())[:MOST_NAMED]
        if share >= LEAST_SAID
    ]
    if not named:
        return []
    return [
        f"A Gaussian process of {process.n_trials} trials, which explains {percent(process.skill)} "
        f"of what it has not seen, says: {', '.join(named)}."
    ]


def _of_one(share: Share, name: str) -> str:
    where = "" if share.active > 0.999 else " (it exists in " + percent(share.active) + " of them)"
    together = ""
    if share.total - share.share >= LITTLE:
        together = f", and together with others for {percent(share.total)}"
    low, high = percent(share.low).removesuffix(" %"), percent(share.high)
    return (
        f"{quoted(share.name)} alone accounts for {percent(share.share)} ({low} to {high}) of the "
        f"differences in {name} between configs{where}{together}."
    )


def _of_two(pair: PairShare) -> str:
    one, other = map(quoted, pair.names)
    return (
        f"{one} and {other} act together: their best settings depend on each other, which accounts "
        f"for another {percent(pair.share)}."
    )


def _of_the_rest(shares: Sequence[Share], rest_high: Sequence[float]) -> list[str]:
    """Say which parameters may be left alone."""
    first = next((k for k, most in enumerate(rest_high) if most <= LITTLE), len(shares))
    names = [quoted(share.name) for share in shares[first:]]
    if not names or not first:
        return []
    most = percent(rest_high[first])
    most = most if most.startswith("less than") else f"at most {most}"
    if len(names) == 1:
        return [f"{names[0]} accounts for {most}: as far as the model sees, it can stay as it is."]
    listed = f" ({', '.join(names)})" if len(names) <= MOST_LISTED else ""
    return [
        f"The last {len(names)} parameters{listed} together account for {most}: as far as "
        "the model sees, they can stay as they are."
    ]
