"""What builders let choose: narrowed, extended, and never what is impossible. Without Keras."""

import pickle

import numpy as np
import pytest

from hpopt.core import Objective
from hpopt.errors import SettingError, SpaceError, UnknownNameError
from hpopt.problems.keras import (
    ConvolutionalBuilder,
    DenseBuilder,
    RecurrentBuilder,
    convolution_module,
    optimizer_parameters,
    schedule_parameters,
)
from hpopt.problems.keras.builders.convolutional import DoesNotFit
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space

USUAL = {"optimizer", "learning_rate", "batch_size"}


def modules(*listed):
    return {"convolutions": list(listed)}


def kernels_and_pools(*pairs):
    return modules(*({"kernel": kernel, "pooling": pooling} for kernel, pooling in pairs))


@pytest.mark.parametrize(
    ("side", "config", "forbidden"),
    [
        (8, kernels_and_pools((5, "max"), (3, "max"), (1, "max")), False),
        (8, kernels_and_pools((5, "max"), (5, "none")), True),
        (4, kernels_and_pools((1, "max"), (1, "max"), (1, "max")), True),
        (5, kernels_and_pools((5, "none"), (5, "average"), (3, "none")), True),
        (1, kernels_and_pools((1, "none")), False),
        (8, {}, False),
        (8, modules(), False),
        (8, modules({"filters": 8}), False),
        (8, modules({"kernel": 8, "padding": "valid"}, {"kernel": 1}), False),
        (8, modules({"kernel": 7, "padding": "valid"}, {"kernel": 3}), True),
        (8, modules({"kernel": 3, "stride": 2}, {"kernel": 4}), False),
        (8, modules({"kernel": 3, "stride": 2}, {"kernel": 5}), True),
        (6, modules({"kernel": 3, "pooling": "max", "pool": 3}, {"kernel": 3}), True),
        (6, modules({"kernel": 3, "pooling": "max", "pool": 3, "pool_stride": 1}, {}), False),
        (4, modules({"kernel": 3, "pooling": "max", "order": "PC"}), True),
        (4, modules({"kernel": 3, "pooling": "max", "order": "CP"}), False),
        (4, modules({"kernel": 9, "order": "AD"}), False),
        (4, modules({"kernel": 9, "type": "none"}), False),
    ],
)
def test_kernels_and_pools_must_fit(side, config, forbidden):
    assert DoesNotFit(side, side)(config) is forbidden
    assert DoesNotFit(100, side)(config) is forbidden


class TestConvolutional:
    def test_what_does_not_fit_is_never_proposed(self):
        builder = ConvolutionalBuilder((8, 8), classes=2)
        fits = DoesNotFit(8, 8)
        free = Space({"convolutions": Sequence(convolution_module(), 1, 4)})
        assert sum(map(fits, free.sample(100, seed=0))) > 10
        configs = builder.space.sample(100, seed=0)
        assert not any(map(fits, configs))
        around = builder.space.neighbours(configs[0])
        assert around
        assert not any(map(fits, around))

    def test_number_type_order_and_inner_parameters_are_chosen(self):
        configs = ConvolutionalBuilder((32, 32, 3), classes=2).space.sample(200, seed=0)
        listed = [config["convolutions"] for config in configs]
        assert {len(layers) for layers in listed} == {1, 2, 3, 4}
        chosen = {}
        for layers in listed:
            for layer in layers:
                for name, value in layer.items():
                    chosen.setdefault(name, set()).add(value)
        assert set(chosen) == set(convolution_module())
        assert all(len(values) > 1 for values in chosen.values())

    def test_a_whole_space_is_kept_but_for_what_is_impossible(self):
        space = Space({"convolutions": Sequence({"kernel": Int(1, 8)}, 1, 2)})
        builder = ConvolutionalBuilder((4, 4), classes=2, space=space)
        assert list(builder.space) == ["convolutions"]
        kernels = {c["convolutions"][0]["kernel"] for c in builder.space.sample(100, seed=0)}
        assert kernels == {1, 2, 3, 4}
        again = ConvolutionalBuilder((4, 4), classes=2, space=builder.space)
        assert again.space is builder.space
        assert pickle.loads(pickle.dumps(builder)).space == builder.space

    def test_augmentations_are_parameters(self):
        builder = ConvolutionalBuilder((8, 8), classes=2, augmentation=["flip", "noise"])
        assert {"flip", "noise"} <= set(builder.space)
        own = ConvolutionalBuilder((8, 8), classes=2, augmentation=lambda config: [])
        assert not {"flip", "noise"} & set(own.space)

    def test_an_order_has_different_letters(self):
        module = {"filters": Ordinal([8]), "order": Categorical(["CNAPD", "CCA"])}
        with pytest.raises(SettingError, match="different letters of 'CNAPD', but got 'CCA'"):
            ConvolutionalBuilder((8, 8), classes=2, space={"convolutions": Sequence(module, 1, 2)})

    def test_nothing_left_is_said(self):
        too_large = Sequence({"filters": Ordinal([8]), "kernel": Ordinal([9, 11])}, 1, 2)
        with pytest.raises(SpaceError, match="forbid must leave at least one config"):
            ConvolutionalBuilder((8, 8), classes=2, space={"convolutions": too_large})


class TestEveryBuilder:
    def test_each_has_a_space(self):
        spaces = {
            "dense": DenseBuilder((4,), outputs=1).space,
            "convolutions": ConvolutionalBuilder((8, 8), classes=2).space,
            "recurrent": RecurrentBuilder((5, 2), outputs=1).space,
        }
        for name, space in spaces.items():
            assert {name, "dense", *USUAL} <= set(space)
        assert "look_back" not in spaces["recurrent"]
        assert next(iter(RecurrentBuilder((None, 2), outputs=1).space)) == "look_back"

    def test_it_is_narrowed_and_extended_by_name(self):
        builder = DenseBuilder(
            (4,),
            outputs=1,
            space={
                "dense": Sequence({"units": Int(1, 3)}, 1, 1),
                "optimizer": Categorical(["adam"]),
                "epochs": Int(1, 9),
                "weight_decay": Float(1e-4, 1e-2, log=True),
                **schedule_parameters(["constant", "cosine"]),
            },
        )
        space = builder.space
        assert "momentum" not in space
        assert {"epochs", "weight_decay", "schedule", "final_rate", "warmup"} <= set(space)
        assert space["dense"].max_length == 1
        with pytest.raises(UnknownNameError, match="did you mean 'weight_decay'"):
            DenseBuilder((4,), outputs=1, space={"weight_decoy": Float(0, 1)})

    def test_its_objective_follows_from_the_target(self):
        assert DenseBuilder((4,), classes=2).objective == Objective("val_accuracy", "maximize")
        assert DenseBuilder((4,), outputs=2).objective == Objective("val_loss")
        assert DenseBuilder((4,), classes=2, metrics=["auc"]).objective.name == "val_loss"

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: DenseBuilder((4,)), "one of classes and outputs must be given"),
            (lambda: DenseBuilder((4,), classes=2, outputs=1), "one of classes and outputs"),
            (lambda: DenseBuilder((4,), classes=1), "classes must be an int of at least 2"),
            (lambda: DenseBuilder((4,), outputs=(2, 0)), "outputs must be an int"),
            (lambda: DenseBuilder((4, 0), outputs=1), "whole numbers above 0"),
            (lambda: DenseBuilder(4, outputs=1), r"input_shape of DenseBuilder must be \(feat"),
            (lambda: DenseBuilder((None,), outputs=1), "whole numbers above 0"),
            (lambda: ConvolutionalBuilder((4,), classes=2), r"must be \(height, width\) or"),
            (lambda: RecurrentBuilder((4,), outputs=1), r"must be \(steps, features\)"),
            (lambda: DenseBuilder((4,), classes=2, metrics="auc"), "metrics must be a list"),
            (lambda: DenseBuilder((4,), classes=2, augmentation="flip"), "augmentation must be a"),
        ],
    )
    def test_bad_settings_are_said(self, make, message):
        with pytest.raises(SettingError, match=message):
            make()

    def test_an_augmentation_must_fit_the_examples(self):
        with pytest.raises(UnknownNameError, match="unknown augmentation 'flip'"):
            DenseBuilder((4,), classes=2, augmentation=["flip"])

    @pytest.mark.parametrize(
        ("x", "y", "message"),
        [
            (np.zeros((3, 5)), [0, 1, 2], r"examples of the shape \(4,\).* its shape is \(3, 5\)"),
            (np.zeros((3, 4)), [0, 1, 3], r"from 0 to 2, as there are 3 .* 1 of 3 .* first is 3"),
            (np.zeros((3, 4)), [0, -1, 2], "the first is -1"),
            (np.zeros((3, 4)), [0, 0.5, 2], "the first is 0.5"),
            (np.zeros((3, 4)), np.eye(3), "one-hot rows are for"),
        ],
    )
    def test_data_must_fit(self, x, y, message):
        with pytest.raises(SettingError, match=message):
            DenseBuilder((4,), classes=3).check_data(x, np.asarray(y))

    def test_targets_must_fit(self):
        DenseBuilder((4,), outputs=1).check_data(np.zeros((3, 4)), np.zeros(3))
        RecurrentBuilder((None, 4), outputs=(2, 1)).check_data(
            np.zeros((3, 7, 4)), np.zeros((3, 2, 1))
        )
        with pytest.raises(SettingError, match=r"targets of the shape \(2,\)"):
            DenseBuilder((4,), outputs=2).check_data(np.zeros((3, 4)), np.zeros(3))


class TestOptimizers:
    def test_they_bring_their_own_parameters(self):
        space = Space(optimizer_parameters(("adam", "sgd", "adamw")))
        drawn = {config["optimizer"]: set(config) for config in space.sample(100, seed=0)}
        usual = {"optimizer", "learning_rate"}
        assert drawn == {
            "adam": usual,
            "sgd": usual | {"momentum", "nesterov"},
            "adamw": usual | {"weight_decay"},
        }

    def test_further_ones_are_for_those_that_have_them(self):
        space = Space(optimizer_parameters(("adam", "rmsprop"), own=["beta_1", "clipnorm"]))
        drawn = {config["optimizer"]: set(config) for config in space.sample(100, seed=0)}
        assert drawn["adam"] - drawn["rmsprop"] == {"beta_1"}
        assert "clipnorm" in drawn["rmsprop"]

    def test_an_unknown_schedule_is_said(self):
        with pytest.raises(UnknownNameError, match="did you mean 'cosine'"):
            schedule_parameters(["cosin"])
