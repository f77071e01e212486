"""Programs that run a study in a process of their own, for the tests that kill and interrupt it."""

KILLED = """
import os, sys
import hpopt
from study.problems import KNOWN_GOOD, Mixed

hpopt.GeneticAlgorithm(population=8).bind(Mixed()).ask()  # imports what every driver needs


def drive(path, log):
    study = hpopt.Study(
        Mixed(delay=0.01, log=log),
        hpopt.GeneticAlgorithm(population=8),
        path=path,
        seed=11,
        start=[KNOWN_GOOD],
    )
    with study:
        study.run(stop=hpopt.stopping.Trials(int(sys.argv[3])), workers=2, progress=False)


for _ in sys.stdin:  # a fork of this process is a driver at once, without all the imports
    driver = os.fork()
    if driver == 0:
        drive(*sys.argv[1:3])
        os._exit(0)
    print(driver, flush=True)
    sys.stdin.readline()  # until then a killed driver stays a zombie, and its number its own
    print(os.waitpid(driver, 0)[1], flush=True)
"""
"""For each pair of lines that it gets: starts a driver, and waits for its end."""

PAUSING = """
import os, sys
import hpopt
from halving import Curves, TwoRungs

TwoRungs().bind(Curves()).ask()


def drive(path, log):
    with hpopt.Study(Curves(delay=0.002, log=log), TwoRungs(), path=path, seed=11) as study:
        study.run(
            stop=hpopt.stopping.Trials(int(sys.argv[3])), workers=2, window=2, progress=False
        )
"""
"""A search that pauses trials and continues them, with the same loop as the one above."""

PAUSING += KILLED[KILLED.index("\n\nfor _ in sys.stdin") :]

TRAINING = """
import os, sys
import hpopt
from hpopt.problems.keras.session import import_keras
from problems.keras.small import X, Y, Quick

import_keras()  # it takes seconds, and starts no threads before its first operation


class Logged(Quick):
    def evaluate(self, config, trial):
        with open(sys.argv[2], "a") as file:
            file.write(f"{trial.number}\\n")
        return super().evaluate(config, trial)


def drive(path, log):
    os.dup2(2, 1)  # each trial prints a line
    problem = Logged(X, Y, fidelity=(1, 4), checkpoint_every=1, keep_weights=0)
    with hpopt.Study(problem, hpopt.ASHA(reduction=2), path=path, seed=11) as study:
        study.run(stop=hpopt.stopping.Trials(int(sys.argv[3])), progress=False)
"""
"""Keras trainings that are paused and continued."""

TRAINING += KILLED[KILLED.index("\n\nfor _ in sys.stdin") :]

INTERRUPTED = """
import pathlib, signal, sys, time
import hpopt

folder, workers = pathlib.Path(sys.argv[1]), int(sys.argv[2])


class Waiting(hpopt.Problem):
    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def evaluate(self, config, trial):
        with (folder / "log").open("a") as file:
            file.write(f"{trial.number}\\n")
        while not (folder / "go").exists():
            time.sleep(0.005)
        return config["x"]


with hpopt.Study(Waiting(), "random", path=folder / "study.db", seed=1) as study:
    try:
        result = study.run(trials=5, workers=workers)
        print("returned", len(result.trials), result.reason, sep="|")
    except KeyboardInterrupt:
        print("raised", len(study.trials), sep="|")
    print("restored" if signal.getsignal(signal.SIGINT) is signal.default_int_handler else "kept")
    (folder / "go").touch()
    result = study.run(stop=hpopt.stopping.Trials(5), workers=workers, progress=False)
    print(*(trial.values["value"] for trial in result.trials))
"""
