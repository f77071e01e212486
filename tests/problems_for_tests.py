"""Problems that many tests share."""

from hpopt.core import Objective, Outcome, Problem, Trial
from hpopt.space import Categorical, Float, Int, Sequence, Space

VALUE = Objective()


class Calling(Problem):
    """Calls a function of the config and the trial handle."""

    def __init__(self, function, space=None, objectives=VALUE, fidelity=None):
        self.function = function
        self.space = Space({"x": Float(-5, 5)}) if space is None else space
        self.objectives, self.fidelity = objectives, fidelity

    def evaluate(self, config, trial):
        return self.function(config, trial)


CHOOSING_FIDELITY = {"asha", "freeze_thaw", "hyperband"}  # strategies that need a problem with one


def of(function, space, **settings):
    """Make a problem of a function of the config alone."""
    return Calling(lambda config, trial: function(config), space, **settings)


def trial_of(solution, value=0.0, name="value"):
    """Make a complete trial of a value."""
    return Trial(solution, Outcome("complete", {name: value}))


MIXED = Space(
    {
        "x": Float(-5, 5),
        "rate": Float(1e-5, 1, log=True),
        "n": Int(1, 100),
        "kind": Categorical(["a", "b", "c", "d"]),
        "power": Float(0, 1, when={"kind": ["b", "c"]}),
        "layers": Sequence({"width": Int(8, 256, log=True), "bias": Categorical([0, 1])}, 1, 5),
    }
)
