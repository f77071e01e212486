"""What ``hpopt init`` writes: run files with comments, and the problems that they name."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = """\
# search, or go on:    hpopt run {name}
# the best trials:     hpopt show {stem}.db
# all of it, a page:   hpopt report {stem}.db
# all that may stand here: 'hpopt run --help', and the page "The command line" of the docs

study = "{stem}.db"       # keeps all trials; relative to where you are
trials = {trials}               # end with so many trials in all, ...
# timeout = "20m"         # ... or after this time of a run,
# target = {target}           # ... or when the first objective is as good as this,
# plateau = 20            # ... or when the best has not changed for so many
seed = 0                  # the same seed, the same search
# workers = 2             # trials at the same time, or "auto"
# optimizer = "tpe"       # the default is "auto", which chooses
# early_stopping = "median"   # end trials that are not worth finishing
"""

TAIL = """
# [constraints]           # bounds on numbers that an evaluation returns
# seconds_per_call = "<= 0.02"

# [limits]                # of each trial
# seconds = 600
# memory = "4GB"

# [[start]]               # configs to try first; what is left out is filled in
# {start}
"""

FUNCTION = """
[problem]
function = "{module}.py:evaluate"   # relative to this file

[objectives]              # what it returns, and which way is better
error = "minimize"        # or "maximize"; there may be several

[space]
method = {{ type = "categorical", choices = ["plain", "momentum"] }}
rate = {{ type = "float", low = 1e-3, high = 1.0, log = true }}
steps = {{ type = "int", low = 1, high = 50 }}
# a parameter that exists only for some values of another one
momentum = {{ type = "float", low = 0.0, high = 0.99, when = {{ method = "momentum" }} }}
"""

FUNCTION_CODE = '''\
"""What {name} tunes: write your own evaluation here."""


def evaluate(config):
    """Return the values of a config by name: the objectives, and others worth keeping."""
    x, speed = 5.0, 0.0
    for _ in range(config["steps"]):  # the minimum of (x - 1) ** 2, step by step
        slope = 2 * (x - 1)
        speed = config.get("momentum", 0.0) * speed - config["rate"] * slope
        x += speed
    return {{"error": abs(x - 1) + 0.01 * config["steps"], "x": x}}


# To report progress, so that early stopping can end bad trials:
#
# def evaluate(config, trial):
#     for step in range(1, 51):
#         error = ...
#         trial.report(step, error)
#         if trial.should_stop():
#             return None
#     return {{"error": error}}
'''

COMMAND = """
[problem]
# It runs in the folder of this file, once for each config. Write {{rate}} where the value
# is to stand; {{python}} is the interpreter that runs hpopt.
command = "{{python}} {module}.py --rate {{rate}}"
arguments = "--{{name}} {{value}}"  # what is added for each parameter that is not named above
# pattern = 'loss: (\\S+)'    # where the result is not the last line of JSON on stdout,
# result_file = "r.json"    # ... or in a file of the trial's folder

[objectives]              # what it prints, and which way is better
loss = "minimize"         # or "maximize"; there may be several

[space]
rate = {{ type = "float", low = 1e-3, high = 1.0, log = true }}
momentum = {{ type = "float", low = 0.0, high = 0.95 }}
"""

COMMAND_CODE = '''\
"""What {name} runs: put your own program, in any language, in the place of this one."""

import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--momentum", type=float)
arguments = parser.parse_args()

x, speed = 4.0, 0.0
for step in range(1, 11):
    speed = arguments.momentum * speed - arguments.rate * 2 * x
    x += speed
    print(json.dumps({{"step": step, "loss": x**2}}), flush=True)  # a report
print(json.dumps({{"loss": x**2, "x": x}}))  # the result: objectives, and other numbers
'''

KERAS = """
[problem]
class = "{module}.py:problem"       # relative to this file: a function that makes it
arguments = {{ epochs = 5 }}

[space]                   # changes to the space that the problem has, by name
learning_rate = {{ high = 0.01 }}
"""

KERAS_CODE = '''\
"""What {name} tunes: put your data and your network here."""

import keras
from sklearn.datasets import load_digits

import hpopt
from hpopt.problems.keras import KerasProblem

SPACE = {{
    "units": hpopt.Ordinal([16, 32, 64, 128]),
    "layers": hpopt.Int(1, 3),
    "dropout": hpopt.Float(0.0, 0.5),
    "learning_rate": hpopt.Float(1e-4, 1e-1, log=True),
    "batch_size": hpopt.Ordinal([32, 64, 128]),  # by this name it is the batch size
}}


def build(config):
    """Return the compiled network of a config."""
    model = keras.Sequential([keras.Input((64,)), keras.layers.Rescaling(1 / 16)])
    for _ in range(config["layers"]):
        model.add(keras.layers.Dense(config["units"], activation="relu"))
        model.add(keras.layers.Dropout(config["dropout"]))
    model.add(keras.layers.Dense(10, activation="softmax"))
    optimizer = keras.optimizers.Adam(config["learning_rate"])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def problem(epochs=5):
    """Return the problem: 1,797 handwritten digits, a fifth of them for validation."""
    x, y = load_digits(return_X_y=True)
    return KerasProblem(
        x,
        y,
        build=build,
        space=SPACE,
        objectives={{"val_accuracy": "maximize"}},
        epochs=epochs,
    )
'''

BUILTIN = """
[problem]
class = "{module}.py:problem"       # relative to this file: a function that makes it
arguments = {{ epochs = 5 }}

# Classifier has a space: layers, activation, dropout, optimizer, learning rate, batch
# size. 'hpopt show {stem}.db' prints it. Here are changes to it, by name:
[space]
batch_size = {{ type = "ordinal", values = [32, 64, 128] }}
"""

BUILTIN_CODE = '''\
"""What {name} tunes: put your data here."""

from sklearn.datasets import load_digits

from hpopt.problems.keras import Classifier


def problem(epochs=5):
    """Return the problem: 1,797 images of handwritten digits, a fifth of them for validation."""
    digits = load_digits()
    return Classifier(digits.images, digits.target, epochs=epochs)
'''


@dataclass(frozen=True)
class Template:
    """One kind of run file.

    Attributes
    ----------
    summary : str
        For the choice on a terminal.
    body : str
        The tables of the run file, between `HEAD` and `TAIL`.
    code : str
        The file that they name; it is written where there is none.
    trials, target, start : str
        What the head and the tail say.
    """

    summary: str
    body: str
    code: str
    trials: str
    target: str
    start: str

    def run_file(self, **names: str) -> str:
        """Return the text of the run file."""
        told = {"trials": self.trials, "target": self.target, "start": self.start}
        return (HEAD + self.body + TAIL).format(**told, **names)


TEMPLATES = {
    "function": Template(
        "a Python function of a config", FUNCTION, FUNCTION_CODE, "50", "0.02", "rate = 0.1"
    ),
    "command": Template(
        "a program in any language", COMMAND, COMMAND_CODE, "50", "0.01", "rate = 0.1"
    ),
    "keras": Template(
        "a Keras network that you build", KERAS, KERAS_CODE, "20", "0.97", "learning_rate = 0.001"
    ),
    "builtin": Template(
        "images or rows of numbers, by a ready family of networks",
        BUILTIN,
        BUILTIN_CODE,
        "20",
        "0.97",
        "learning_rate = 0.001",
    ),
}
