"""A problem with conditions, layers, curves, a failure and kept weights."""

import hpopt


class Hills(hpopt.Problem):
    space = hpopt.Space(
        {
            "x": hpopt.Float(-5, 5),
            "kind": hpopt.Categorical(["flat", "steep"]),
            "n": hpopt.Int(1, 100, when={"kind": "steep"}),
            "layers": hpopt.Sequence({"units": hpopt.Int(1, 8)}, 1, 2),
        }
    )
    objectives = hpopt.Objective("loss")

    def __init__(self, fails=(3,)):
        self.fails = fails

    def evaluate(self, config, trial):
        for step in range(1, 4):
            trial.report(step, config["x"] ** 2 / step)
        (trial.directory / "model.weights.h5").write_text(f"weights of {trial.number}")
        if trial.number in self.fails:
            raise ValueError("no value")
        return {"loss": config["x"] ** 2, "size": 3}


def search(trials, path, tracker, *, fails=(3,), **options):
    return hpopt.optimize(
        Hills(fails),
        "random",
        trials=trials,
        seed=0,
        study=path,
        callbacks=[tracker],
        progress=False,
        **options,
    )
