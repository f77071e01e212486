"""Is it finished: since when nothing was bettered, and what more trials are expected to bring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.digits import in_digits
from hpopt.reports.data import StudyData
from hpopt.reports.findings.parts import Outlook
from hpopt.reports.findings.records import forecast
from hpopt.reports.findings.times import in_order_of_time
from hpopt.reports.phrases import percent, trials

N_MORE = 50  # trials: what people go on with
LEAST_TRIALS = 10  # of which records say anything
LEAST_JUDGED = 30  # with fewer the last gains are too few to call it finished
UNLIKELY = 0.1  # chances below it are not told apart
LITTLE = 0.02  # of what the search has won over the median: less is hardly worth 50 trials


def outlook_of(data: StudyData, noise: float | None = None, n_more: int = N_MORE) -> Outlook:
    """Return whether a study is finished.

    Parameters
    ----------
    data : StudyData
    noise : float, optional
        A gain below it is none.
    n_more : int
        Of how many more trials to speak.
    """
    n = len(data)
    if data.best is None:
        return Outlook(n, None, 0, n_more, None, None, None, None, False, ())
    if len(data.objectives) > 1:
        return _of_front(data, n_more)
    losses = np.where(data.is_feasible & data.is_comparable, data.losses(), np.inf)
    losses = losses[in_order_of_time(data)]
    best = np.minimum.accumulate(losses)
    last = int(np.flatnonzero(losses == best[-1])[0])
    number, since = int(data.numbers[data.best]), n - 1 - last
    known = losses[np.isfinite(losses)]
    name = data.objectives[0].name
    if n < LEAST_TRIALS or not known.min() < known.max():
        said = _too_early(n, name) if n < LEAST_TRIALS else ()
        return Outlook(n, number, since, n_more, None, None, None, None, False, said)
    scale = float(np.median(known) - known.min()) or float(known.max() - known.min())
    ahead = forecast((losses - known.min()) / scale, n_more)
    room = _room(known, data.objectives[0].sign)
    gain, low, high = (min(each * scale, room) for each in (ahead.gain, ahead.low, ahead.high))
    worth = max(LITTLE * scale, noise or 0.0)
    is_plateau = n >= LEAST_JUDGED and high <= worth
    said = (
        _since(number, since, n),
        _ahead(n_more, ahead.chance, (gain, high), data, float(known.min())),
        _judged(is_plateau, noise, high),
    )
    return Outlook(n, number, since, n_more, ahead.chance, gain, low, high, is_plateau, said)


def _room(losses: NDArray[np.float64], sign: int) -> float:
    """Return how far the best can fall, if values that have all been of one sign stay so.

    Shares that are to rise, such as an accuracy, end at 1.
    """
    values, best = sign * losses, float(losses.min())
    if sign > 0 and values.min() >= 0:
        return best
    if sign < 0 and values.max() <= 0:
        return -float(values.max())
    if sign < 0 and values.min() >= 0 and values.max() <= 1:
        return 1 - float(values.max())
    return np.inf


def _too_early(n: int, name: str) -> tuple[str, ...]:
    return (
        f"After {trials(n)} it is too early to say what more would bring to {name}: "
        f"{LEAST_TRIALS} are needed.",
    )


def _since(number: int, since: int, n: int) -> str:
    if since == 0:
        return f"The best, trial {number}, was the last of {trials(n)} to finish."
    return f"Nothing has bettered trial {number} in the {trials(since)} since it finished."


def _ahead(
    n_more: int, chance: float, gains: tuple[float, float], data: StudyData, best: float
) -> str:
    objective = data.objectives[0]
    gain, high = gains
    about = percent(round(chance, 1)) if chance >= UNLIKELY else "less than 10 %"
    said = (
        f"The chance that {n_more} more trials of the same strategy bring a better one is {about}"
    )
    usual, most = (
        in_digits(float(f"{objective.sign * (best - each):.5g}")) for each in (gain, high)
    )
    if high <= 0:
        return f"{said}."
    if gain <= 0:
        return f"{said}; in one of ten cases they bring {objective.name} to {most} or better."
    return (
        f"{said}; in half of all cases they bring {objective.name} to {usual} or better, in one of "
        f"ten to {most} or better."
    )


def _judged(is_plateau: bool, noise: float | None, high: float) -> str:
    how = "This is judged by when earlier trials were the best so far, and by how much."
    if not is_plateau:
        return f"Going on may be worth it. {how}"
    if high <= 0:
        return f"The search is about finished. {how}"
    if noise is not None and high <= noise:
        return f"That is less than noise could make: the search is finished. {how}"
    return f"That is little beside what was won so far: the search is about finished. {how}"


def _of_front(data: StudyData, n_more: int) -> Outlook:
    """Say when the front was last changed; how far it will move is not forecast."""
    order = in_order_of_time(data)
    on_front = data.on_front[order]
    last = int(np.flatnonzero(on_front)[-1]) if on_front.any() else 0
    n, since = len(data), len(data) - 1 - last
    recent = int(on_front[-n_more:].sum())
    said = (
        f"Of the front's {trials(int(on_front.sum()))}, {recent} came in the last "
        f"{min(n_more, n)} of {n}."
    )
    number = int(data.numbers[order[last]])
    return Outlook(n, number, since, n_more, None, None, None, None, not recent, (said,))
