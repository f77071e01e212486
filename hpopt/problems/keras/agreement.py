"""Check that the settings of a Keras problem agree: among themselves, and with its data."""

from __future__ import annotations

from collections.abc import Sequence

from hpopt.core.objective import Objective
from hpopt.core.problem import Fidelity
from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.data.sources import ArraySource, Source
from hpopt.problems.keras.data.structures import describe
from hpopt.problems.keras.training.fit import FitSettings
from hpopt.space import Space


def check_together(
    source: Source,
    space: Space,
    objectives: Sequence[Objective],
    fidelity: Fidelity | None,
    fit: FitSettings,
) -> None:
    """Raise where settings exclude one another, or do not fit the data.

    Raises
    ------
    ProblemError, SettingError
        They do not agree.
    """
    if fidelity is not None and fidelity.name == "epochs" and "epochs" in space:
        raise ProblemError(
            "epochs must be a fidelity or a parameter of the space, but got both: leave one out"
        )
    if fit.class_weight is not None and isinstance(source, ArraySource):
        rows = source.everything
        if rows.weights is not None:
            raise SettingError(
                "class_weight and sample_weight exclude one another, but got both: multiply "
                "the weight of each example by that of its class"
            )
        if isinstance(rows.y, dict | tuple) or rows.y is None:
            raise SettingError(
                "class_weight needs one array of targets, but y is "
                f"{describe(rows.y)}: give sample_weight instead"
            )
    unmeasured = [each.name for each in objectives if each.name.startswith("val_")]
    # Keras would report the missing metric only at the end of the first epoch.
    if not source.is_validated and unmeasured:
        raise ProblemError(
            f"objective {unmeasured[0]!r} needs examples to validate on, but there are none: "
            "give validation_data; for arrays a validation_split above 0 will do"
        )
