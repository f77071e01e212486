"""hpopt's importance of given studies."""

from __future__ import annotations

import json
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from sides import serve

import hpopt
from hpopt.problems import FunctionProblem
from hpopt.reports.importance import importance
from hpopt.reports.reader import read_data


def parameter(kind: str, values: Any, when: Any) -> Any:
    then = None if when is None else {when[0]: when[1]}
    if kind == "float":
        return hpopt.Float(values[0], values[1], log=values[2], when=then)
    if kind == "cat":
        return hpopt.Categorical(values, when=then)
    return hpopt.Ordinal(values, when=then)


def explain(path: str) -> dict[str, Any]:
    import_module("sklearn.tree")  # it is not the first study's time
    found = []
    for study in json.loads(Path(path).read_text(encoding="utf-8")):
        space = {name: parameter(*rest) for name, *rest in study["parameters"]}
        problem = FunctionProblem(lambda config: 0.0, space)
        searched = hpopt.Study(problem, "random", seed=0, start=study["configs"])
        for loss in study["losses"]:
            searched.tell(searched.ask(), {"value": loss})
        data = read_data(searched)
        begin = time.process_time()
        whole = importance(data)
        seconds = time.process_time() - begin
        shares = {each.name: [each.share, each.low, each.high] for each in whole.shares}
        found.append({"hpopt": {"shares": shares, "seconds": seconds, "skill": whole.skill}})
    return {"studies": found}


if __name__ == "__main__":
    serve({"explain": explain})
