"""What is read of a study, made of a space and a function without evaluating anything."""

import numpy as np

import hpopt
from hpopt.core import STATUSES, Objective
from hpopt.reports.columns import coder_of, column_of
from hpopt.reports.data import StudyData
from hpopt.space.flat import flattened, places_of


def made(space, loss, n, *, seed=0, direction="minimize", **fields):
    """Return StudyData of n random configs, with the values that a function of a config gives.

    nan is a failed trial. Other fields are as given.
    """
    space = hpopt.Space(space)
    rng = np.random.default_rng(seed)
    configs = space.decode(rng.random((n, space.d)))
    flat = [flattened(config, space) for config in configs]
    columns = []
    for place in places_of(space):
        code = coder_of(place)
        cells = [code(each[place.name]) if place.name in each else np.nan for each in flat]
        columns.append(column_of(place).taking(np.array(cells, dtype=np.float64)))
    values = np.array([loss(config) for config in configs], dtype=np.float64)
    ok = ~np.isnan(values)
    objective = Objective("loss", direction)
    said = {
        "name": "made",
        "header": {"seed": seed},
        "objectives": (objective,),
        "constraints": (),
        "fidelity": None,
        "space": space,
        "numbers": np.arange(n),
        "status": np.where(ok, STATUSES.index("complete"), STATUSES.index("failed")),
        "started": 1e9 + np.arange(n, dtype=np.float64),
        "seconds": np.ones(n),
        "memory": np.full(n, np.nan),
        "fidelities": np.full(n, np.nan),
        "reached": np.full(n, np.nan),
        "generations": np.full(n, -1),
        "parents": {},
        "workers": np.full(n, -1),
        "worker_names": (),
        "values": {"loss": values},
        "columns": tuple(columns),
        "causes": (),
        "cause": np.full(n, -1),
        "is_feasible": ok,
        "worth": np.where(ok, objective.sign * values, np.inf),
    }
    return StudyData(**(said | fields))
