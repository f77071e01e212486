"""What is found of populations in a process on JAX, of one part: ``main`` or ``others``.

Most of it is of one architecture, as compiling takes nearly all the time.
"""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from hpopt.core import Solution, evaluate, evaluate_together
from hpopt.problems.keras.population import places
from problems.keras.population.other_networks import of_others
from problems.keras.population.wide_networks import of_widths
from problems.keras.sharing.networks import Networks

K, EPOCHS = 3, 4
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
STOPS_AT = {1: 2, 3: 1}
"""The epochs after which the rule of early stopping ends trials."""


class StopsAt:
    """A rule of early stopping that says when."""

    def __init__(self, epoch):
        self.epoch = epoch

    def __call__(self, curve):
        return curve[-1][0] >= self.epoch


class Facts:
    """The facts, by name."""

    def __init__(self, folder):
        self.folder = folder
        self.beside = Networks("dense", population=K, epochs=EPOCHS)
        self.alone = Networks("dense", epochs=EPOCHS)
        self.solutions = [
            Solution(i, self.beside.config(share), None, 10 + i) for i, share in enumerate(SHARES)
        ]
        self.rules = [StopsAt(STOPS_AT[i]) if i in STOPS_AT else None for i in range(len(SHARES))]

    def all(self):
        """Find all of them."""
        return {
            "beside": self.trained_beside(self.solutions),
            "alone": self.trained_alone(),
            "by itself": self.by_itself(),
            "beside one that diverges": self.beside_one_that_diverges(),
            "of widths": of_widths(self.folder),
            "killed": self.killed(),
        }

    def trained_beside(self, solutions, name="beside"):
        folders = [self.folder / name / str(each.number) for each in solutions]
        found = evaluate_together(
            self.beside, solutions, directories=folders, early_stopping=self.rules
        )
        assert not isinstance(found, str), found
        return [told(each) for each in found]

    def trained_alone(self):
        return [self._evaluated(self.alone, i, "alone") for i in range(len(SHARES))]

    def by_itself(self):
        return self._evaluated(self.beside, 2, "by itself")

    def beside_one_that_diverges(self):
        diverging = {**self.solutions[0].config, "learning_rate": 1e30}
        solutions = [Solution(0, diverging, None, 10), *self.solutions[1:]]
        return self.trained_beside(solutions, "diverging")

    def killed(self):
        """Train what is killed after two epochs, and then again; count the epochs of that."""
        problem = Networks("dense", population=K, epochs=EPOCHS, checkpoint_every=1)
        folder = self.folder / "killed"

        def kill(curve):
            if curve[-1][0] == 2:
                raise KeyboardInterrupt
            return False

        with contextlib.suppress(KeyboardInterrupt):
            evaluate(problem, self.solutions[2], directory=folder, early_stopping=kill)
        trained, n_epochs = places.Places.train_epoch, []
        places.Places.train_epoch = lambda self: n_epochs.append(1) or trained(self)
        again = evaluate(problem, self.solutions[2], directory=folder)
        places.Places.train_epoch = trained
        return {"again": told(again), "n_epochs": len(n_epochs)}

    def _evaluated(self, problem, i, name):
        folder = self.folder / name / str(i)
        outcome = evaluate(
            problem, self.solutions[i], directory=folder, early_stopping=self.rules[i]
        )
        return told(outcome)


def told(outcome):
    """Return what is told of an outcome, as JSON data."""
    return {
        "status": outcome.status,
        "error": outcome.traceback or outcome.error,
        "values": dict(outcome.values),
        "history": outcome.info.get("history"),
        "curve": outcome.curve,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            folder = Path(name)
            found = of_others(folder) if sys.argv[1] == "others" else Facts(folder).all()
    found["printed"] = printed.getvalue()
    sys.stdout.write(f"\n{json.dumps(found)}\n")
