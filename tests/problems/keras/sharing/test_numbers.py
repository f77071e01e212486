"""Numbers as variables: one traced step for all their values, and the values of a fresh model."""

import random

import numpy as np
import pytest

from hpopt.problems.keras.backend import kernels_kept
from hpopt.problems.keras.data.feeding import as_fit_input
from hpopt.problems.keras.schedules import apply_schedule
from hpopt.problems.keras.sharing.models import TracedModels
from hpopt.problems.keras.sharing.numbers import (
    OPTIMIZER_NUMBERS,
    OPTIMIZERS,
    number_class,
    places_of,
)
from hpopt.problems.keras.sharing.rates import put_table

from ..small import needs_keras, quiet
from .networks import NUMBERS, Networks

pytestmark = [needs_keras, quiet]


# Each kind is traced twice, which takes a second or two: the price of seeing that nothing of an
# earlier model is left, and no number a constant.
@pytest.mark.parametrize("kind", NUMBERS)
def test_a_traced_step_is_that_of_a_fresh_model_to_the_bit(kind):
    import keras

    problem = Networks(kind)
    rows = problem.training

    def trained(models, config, seed):
        with kernels_kept(keras):
            keras.utils.clear_session(free_memory=False)  # which counts the names of layers
        random.seed(seed)  # of all initialisers and generators
        fresh = problem.build(config)
        apply_schedule(fresh, config, lambda: [6])
        model, key = models.ready(fresh, rows, [], 6)
        assert key is not None
        data = as_fit_input(rows, 12, seed=seed)
        losses = model.fit(data, epochs=2, shuffle=False, verbose=0).history["loss"]
        return losses, [*map(np.copy, model.get_weights())]

    models = TracedModels()
    base, other = problem.config(0.2), problem.config(0.8)
    first = trained(models, base, 0)
    last = trained(models, other, 1)
    for name, (_, high) in NUMBERS[kind].items():
        assert trained(models, {**base, name: high}, 0)[0] != first[0], name
    again = trained(models, base, 0)
    alone = trained(TracedModels(), other, 1)
    for one, same in ((first, again), (last, alone)):
        assert one[0] == same[0]
        assert all(map(np.array_equal, one[1], same[1]))
    assert len(models._traced) == 1


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_each_optimizer_takes_variables_for_numbers(name):
    import keras

    def steps(clip, as_variables):
        settings = {"clipnorm": 0.9, "weight_decay": 0.02} if clip else {"clipvalue": 0.5}
        optimizer = getattr(keras.optimizers, name)(0.1, **settings, use_ema=clip)
        if as_variables:
            model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
            model.compile(optimizer, "mse")
            places = places_of(model, [])
            assert {place.name for place in places} <= {*OPTIMIZER_NUMBERS}
            assert clip == ("clipnorm" in {place.name for place in places})
            for place in places:
                place.put(number_class()(place.value, place.name))
        variable = keras.Variable(np.array([1.0, -2.0], "float32"))
        optimizer.build([variable])
        for gradient in ([1.0, -3.0], [0.1, 0.2]):
            optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")])
        return keras.ops.convert_to_numpy(variable)

    for clip in (True, False):
        np.testing.assert_allclose(steps(clip, True), steps(clip, False), 2e-6)


def test_numbers_that_keras_branches_on_stay():
    import keras

    model = keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dropout(0.0), keras.layers.Dropout(1.0)]
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.0), "mse")
    assert places_of(model, model.layers) == []


def test_a_number_is_compared_as_the_one_of_the_trace():
    number = number_class()(0.5, "rate")
    assert number > 0
    assert 0.0 < number < 1.0
    assert number >= 0.5 >= number
    assert number != 0
    assert number
    assert number != number_class()(0.5, "rate")
    number.assign(0.25)
    assert number == 0.5
    assert float(np.asarray(number.value)) == 0.25


class TestSchedules:
    def optimizer(self, schedule):
        import keras

        return keras.optimizers.SGD(schedule)

    def test_a_table_has_the_rates_of_a_schedule(self):
        import keras

        schedules = keras.optimizers.schedules
        for schedule in (
            schedules.CosineDecay(0.1, 20, warmup_target=0.2, warmup_steps=4),
            schedules.ExponentialDecay(0.1, 5, 0.5),
            schedules.PiecewiseConstantDecay([5, 9], [0.3, 0.2, 0.1]),
        ):
            optimizer = self.optimizer(schedule)
            table = put_table(optimizer, 30)
            if table is None:
                # It takes one step at a time.
                assert isinstance(schedule, schedules.CosineDecay)
                continue
            for step in (0, 3, 6, 29):
                expected, found = (
                    float(keras.ops.convert_to_numpy(each(keras.ops.convert_to_tensor(step))))
                    for each in (schedule, table)
                )
                assert found == pytest.approx(expected, rel=1e-6)
            # The last rate stays.
            assert float(np.asarray(table(99))) == float(np.asarray(table(29)))

    def test_what_takes_no_table(self):
        import keras

        class Scalar(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                return 0.1 if int(step) < 3 else 0.01

        assert put_table(self.optimizer(0.1), 9) is None
        assert put_table(self.optimizer(Scalar()), 9) is None
        decay = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
        assert put_table(self.optimizer(decay), None) is None
