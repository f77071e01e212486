"""Tune convolutional networks for CIFAR-10 as two papers did.

python examples/cifar10.py menndl           # kernels and filters of three convolutions
python examples/cifar10.py menndl --population auto --gpus auto    # a generation side by side (JAX)
python examples/cifar10.py aszemi           # filters, kernels, units and training, four strategies
python examples/cifar10.py aszemi --minutes 60   # the second round's space on two cores, in an hour
python examples/cifar10.py --quick          # both in two minutes, to see that they work

Young et al. 2015 (MENNDL) evolved kernels and filters of Caffe's small network on the supercomputer
Titan, with 4,000 iterations for each. Aszemi & Dominic 2019 searched in rounds by random search,
for days on a GPU. The full modes need a GPU too (--gpus auto); --images, --epochs, --trials and
--hours make them smaller. Each search has a study file, so the command goes on where it ended.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from images import cifar10

import hpopt
from hpopt.problems.keras import KerasProblem

SEED = 1
BATCH = 100
# With --minutes: the most epochs, and the share of the time in which trainings begin. The rest is
# for those that run then, and for the last one.
EPOCHS, SEARCHING = 8, 0.6
BEGUN = time.monotonic()
CAFFE = {
    **{f"kernel{k}": 5 for k in (1, 2, 3)},
    **{"filters1": 32, "filters2": 32, "filters3": 64},
}


class Menndl(KerasProblem):
    """Caffe's quick network for CIFAR-10, with kernels and filters to be chosen.

    As in its prototxt: normal initial weights of these deviations, overlapping pools, and decay
    as part of the loss.
    """

    objectives = "val_accuracy"
    space = hpopt.Space(
        {
            **{f"kernel{k}": hpopt.Int(1, 8) for k in (1, 2, 3)},
            **{f"filters{k}": hpopt.Int(16, 126) for k in (1, 2, 3)},
        }
    )

    def build(self, config):
        import keras
        from keras import layers

        decay = keras.regularizers.L2(0.004 / 2)

        def settings(deviation):
            initial = keras.initializers.RandomNormal(stddev=deviation)
            return {"kernel_initializer": initial, "kernel_regularizer": decay}

        def convolution(k, deviation, **others):
            size = config[f"filters{k}"], config[f"kernel{k}"]
            return layers.Conv2D(*size, padding="same", **settings(deviation), **others)

        model = keras.Sequential(
            [
                layers.Input((32, 32, 3)),
                layers.Rescaling(1.0, offset=[-125.3, -123.0, -113.9]),  # less the mean colour
                convolution(1, 1e-4),
                layers.MaxPooling2D(3, 2, padding="same"),
                layers.Activation("relu"),
                convolution(2, 0.01, activation="relu"),
                layers.AveragePooling2D(3, 2, padding="same"),
                convolution(3, 0.01, activation="relu"),
                layers.AveragePooling2D(3, 2, padding="same"),
                layers.Flatten(),
                layers.Dense(64, **settings(0.1)),
                layers.Dense(10, activation="softmax", **settings(0.1)),
            ]
        )
        model.compile(
            keras.optimizers.SGD(0.001, momentum=0.9),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model


class ThreeConvolutions(KerasProblem):
    """Three convolutions, two dense layers: the network of Aszemi & Dominic's rounds 2 and 3.

    The second round's first convolution has a stride of 2, the third's of 1, and dropout.
    """

    objectives = "val_accuracy"

    def __init__(self, *data, stride, dropout, **settings):
        self.stride, self.dropout = stride, dropout
        super().__init__(*data, **settings)

    def build(self, config):
        import keras
        from keras import layers

        activation = {"lrelu": "leaky_relu"}.get(config["activation"], config["activation"])
        made = [layers.Input((32, 32, 3)), layers.Rescaling(1 / 255)]
        for k in (1, 2, 3):
            stride = self.stride if k == 1 else 1
            made += [
                layers.Conv2D(config[f"filters{k}"], config[f"ksize{k}"], stride, padding="same"),
                layers.BatchNormalization(momentum=config["momentum"]),
                layers.Activation(activation),
                layers.MaxPooling2D(2),
                *([layers.Dropout(self.dropout)] if self.dropout else []),
            ]
        made.append(layers.Flatten())
        for k in (1, 2):
            made.append(layers.Dense(config[f"full_hidd{k}"], activation=activation))
            made += [layers.Dropout(self.dropout)] if self.dropout else []
        model = keras.Sequential([*made, layers.Dense(10, activation="softmax")])
        rate = config["learning_rate"]
        model.compile(
            {
                "adam": lambda: keras.optimizers.Adam(rate),
                "rmsprop": lambda: keras.optimizers.RMSprop(rate),
                "nesterov": lambda: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
            }[config["optimizer"]](),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model


def table(**values):
    """Give a space of the listed values; numbers are ordered."""
    return hpopt.Space(
        {
            name: (hpopt.Categorical if isinstance(some[0], str) else hpopt.Ordinal)(some)
            for name, some in values.items()
        }
    )


TABLES_1_AND_2 = table(
    filters1=[16, 32, 64, 96], ksize1=[3, 4, 5], filters2=[48, 64, 96, 128], ksize2=[3, 4, 5],
    filters3=[64, 96, 128], ksize3=[3, 4, 5], full_hidd1=[60, 100, 125], full_hidd2=[60, 100, 125],
    activation=["relu", "lrelu", "elu"], learning_rate=[0.001, 0.003, 0.01, 0.03],
    batch_size=[32, 64, 128, 256], momentum=[0.9, 0.95, 0.99],
    optimizer=["adam", "rmsprop", "nesterov"],
)  # fmt: skip
TABLE_3 = table(
    filters1=[64, 96], ksize1=[4, 5], filters2=[96, 128], ksize2=[4, 5], filters3=[96, 128],
    ksize3=[4, 5], full_hidd1=[100, 125], full_hidd2=[100, 125], activation=["lrelu"],
    learning_rate=[0.001, 0.0015, 0.002, 0.003], batch_size=[64], momentum=[0.9, 0.95, 0.99],
    optimizer=["adam"],
)  # fmt: skip
STRATEGIES = {
    "random": lambda trials: "random",
    "genetic": lambda trials: hpopt.GeneticAlgorithm(population=max(2, trials // 5)),
    "memetic": lambda trials: hpopt.Memetic(
        algorithm=hpopt.GeneticAlgorithm(population=max(2, trials // 5))
    ),
    "narrowing": lambda trials: hpopt.Narrowing(
        optimizer="random", trials_per_round=max(1, trials // 3)
    ),
}


def search(name, problem, optimizer, trials, arguments, start=(), timeout=None):
    """Run a search, kept in a study file; print its best, and give all of it and its curve."""
    if arguments.hours is not None:
        timeout = arguments.hours * 3600
    study = arguments.folder / f"cifar10-{name}.db"
    if arguments.quick:
        study.unlink(missing_ok=True)
    result = hpopt.optimize(
        problem,
        optimizer,
        trials=trials,
        timeout=timeout,
        study=study,
        start=start,
        seed=SEED,
        workers=arguments.workers,
        gpus=arguments.gpus,
        progress=not arguments.quick,
    )
    if start:
        print(
            f"{name:<10}trial 0: validation {100 * result.trials[0].values['val_accuracy']:.2f} %"
        )
    accuracies = [100 * trial.values.get("val_accuracy", 0.0) for trial in result.trials]
    curve = [max(accuracies[: n + 1]) for n in range(len(accuracies))]
    print(
        f"{name:<10}{len(curve):>6} trials, {result.seconds / 60:>6.1f} min, validation "
        f"{curve[-1]:.2f} %\n{'':<10}{result.best.config}",
        flush=True,
    )
    return result, curve


def sizes(training, arguments):
    """Give the examples to train on and to validate on: the first, and the last 10,000."""
    n = arguments.images or (300 if arguments.quick else 40_000)
    n_validation = min(10_000, max(100, n // 4))
    x, y = training
    return (x[:n], y[:n]), (x[-n_validation:], y[-n_validation:])


def operations(space, iterations):
    """Give the operations that training a network of the space takes, in the mean of 1,000."""
    total = 0
    for config in space.sample(1000, seed=SEED):
        channels = (3, *(config[f"filters{k}"] for k in (1, 2, 3)))
        sides = (32, 16, 8)
        total += sum(
            side**2 * config[f"kernel{k}"] ** 2 * channels[k - 1] * channels[k]
            for k, side in zip((1, 2, 3), sides, strict=True)
        )
    # A multiplication and an addition, for the values and twice for the gradients.
    return 2 * 3 * total / 1000 * BATCH * iterations


def menndl(training, test, arguments):
    """Evolve kernels and filters; the first trial is Caffe's own network."""
    data, validation = sizes(training, arguments)
    # 4,000 iterations of 100 images, as in the paper, are 10 epochs of 40,000.
    epochs = arguments.epochs or (1 if arguments.quick else 4000 * BATCH // len(data[0]))
    small = {f"filters{k}": hpopt.Int(16, 64) for k in (1, 2, 3)}
    space = hpopt.Space({**Menndl.space, **small}) if arguments.quick else None
    problem = Menndl(
        *data,
        validation_data=validation,
        space=space,
        epochs=epochs,
        batch_size=BATCH,
        population=arguments.population,
    )
    trials = arguments.trials or (4 if arguments.quick else 500 * 35)
    size = max(2, min(500, trials // 4))
    strategy = hpopt.MENNDL(population=size)
    iterations = epochs * len(data[0]) // BATCH
    hours = size * operations(problem.space, iterations) / 1e13 / 3600
    print(f"\nMENNDL: {len(data[0]):,} images, {iterations:,} iterations")
    print(f"a generation of {size}: {hours:.2g} h of a device at 10 TFLOP/s", flush=True)
    result, curve = search("menndl", problem, strategy, trials, arguments, start=[CAFFE])
    tell_test(problem, result.best, "menndl", test, arguments)
    return {"MENNDL": curve}


def aszemi(training, test, arguments):
    """Search the second round's space by four strategies, then the paper's third round."""
    data, validation = sizes(training, arguments)
    epochs = arguments.epochs or (1 if arguments.quick else 500)
    trials = arguments.trials or (2 if arguments.quick else 100)
    settings = {"validation_data": validation, "epochs": epochs, "patience": 4}
    print(f"\nAszemi & Dominic: {len(data[0]):,} images, at most {epochs} epochs")
    second = ThreeConvolutions(*data, stride=2, dropout=0.0, space=TABLES_1_AND_2, **settings)
    third = ThreeConvolutions(*data, stride=1, dropout=0.3, space=TABLE_3, **settings)
    curves = {}
    for name, strategy in STRATEGIES.items():
        result, curves[name] = search(name, second, strategy(trials), trials, arguments)
        tell_test(second, result.best, name, test, arguments)
    result, curves["round 3"] = search("round-3", third, "random", trials, arguments)
    tell_test(third, result.best, "round-3", test, arguments)
    return curves


def aszemi_in_time(training, test, arguments):
    """Search the second round's space by freeze-thaw, and train the best config on all images.

    The network and the space are the paper's. Ours are the strategy, and a learning rate that falls
    along a cosine to a hundredth in the most epochs, after which training ends. Where there is no
    time left to train the best anew, the network of the search is tested.
    """
    data, validation = sizes(training, arguments)
    epochs = arguments.epochs or EPOCHS
    space = hpopt.Space({**TABLES_1_AND_2, "schedule": hpopt.Categorical(["cosine"])})
    settings = {"stride": 2, "dropout": 0.0, "space": space}
    problem = ThreeConvolutions(*data, validation_data=validation, fidelity=(1, epochs), **settings)
    print(f"\nAszemi & Dominic: {len(data[0]):,} images, 1 to {epochs} epochs", flush=True)
    timeout = SEARCHING * 60 * arguments.minutes - seconds_since_start()
    result, curve = search(
        "in-time", problem, "freeze_thaw", arguments.trials, arguments, timeout=max(timeout, 1.0)
    )
    name, best = "in-time", result.best
    # An epoch of the last training has a quarter more images, and all cores: it takes no longer.
    own = [trial for trial in result.trials if trial.config == best.config]
    seconds = sum(trial.seconds for trial in own) / best.solution.fidelity
    left = 60 * arguments.minutes - seconds_since_start()
    if best.solution.fidelity < epochs or left > seconds * epochs:
        n = len(data[0]) + len(validation[0])
        problem = ThreeConvolutions(
            *(part[:n] for part in training),
            validation_split=0.0,
            objectives="accuracy",
            epochs=min(epochs, max(1, int(left / seconds))),
            **settings,
        )
        name = "all-images"
        study = arguments.folder / f"cifar10-{name}.db"
        study.unlink(missing_ok=True)
        best = hpopt.optimize(
            problem, "random", trials=1, start=[best.config], study=study, seed=SEED
        ).best
    tell_test(problem, best, name, test, arguments)
    print(f"{'':<10}after {seconds_since_start() / 60:.1f} min in all")
    return {"in time": curve}


def seconds_since_start():
    return time.monotonic() - BEGUN


def tell_test(problem, best, name, test, arguments):
    """Say how the best network of a search does on the test images."""
    n = 500 if arguments.quick else len(test[1])
    model = problem.load_model(
        best.config, arguments.folder / f"cifar10-{name}.db.files/{best.number}"
    )
    _, accuracy = model.evaluate(test[0][:n], test[1][:n], batch_size=256, verbose=0)
    print(f"{'':<10}{100 * accuracy:.2f} % of {n:,} test images")


def plot(curves, path):
    """Draw the best accuracy after so many trials."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed (pip install 'hpopt[reports]')")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for name, curve in curves.items():
        axes.step(range(1, len(curve) + 1), curve, where="post", label=name)
    axes.set(xlabel="trials", ylabel="best validation accuracy so far, %")
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=110)
    print(f"\nthe picture is {path}")


def main():
    parser = argparse.ArgumentParser(description="Tune convolutional networks for CIFAR-10.")
    parser.add_argument("paper", nargs="?", choices=["menndl", "aszemi"], help="by default both")
    parser.add_argument("--quick", action="store_true", help="few images, one epoch, few trials")
    parser.add_argument("--images", type=int, help="to train on; 40,000 by default")
    parser.add_argument("--epochs", type=int, help="at most")
    parser.add_argument("--trials", type=int, help="of each search")
    parser.add_argument("--hours", type=float, help="of each search, at most")
    parser.add_argument("--minutes", type=float, help="of aszemi in all, on two workers")
    parser.add_argument("--workers", type=int, help="training at the same time; 1 by default")
    parser.add_argument("--gpus", help="'auto' for one of them to each worker")
    parser.add_argument(
        "--population",
        type=lambda text: text if text == "auto" else int(text),
        help="networks of menndl to train as one computation, with KERAS_BACKEND=jax, or 'auto'",
    )
    parser.add_argument("--folder", type=Path, default=Path(), help="for study files and picture")
    arguments = parser.parse_args()
    if arguments.minutes is not None and arguments.paper != "aszemi":
        parser.error("--minutes is for aszemi only: use --hours, or name the paper")
    arguments.workers = arguments.workers or (1 if arguments.minutes is None else 2)
    training, test = cifar10()
    curves = {}
    for name, experiment in (("menndl", menndl), ("aszemi", aszemi)):
        if arguments.minutes is not None and name == "aszemi":
            curves |= aszemi_in_time(training, test, arguments)
        elif arguments.paper in (None, name):
            curves |= experiment(training, test, arguments)
    plot(curves, arguments.folder / "cifar10.png")


if __name__ == "__main__":
    main()
