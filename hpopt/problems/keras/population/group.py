"""The trials of a group: begun one after another, trained side by side, places refilled."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpopt.core.evaluation import status_of
from hpopt.core.handle import TrialHandle
from hpopt.problems.keras.data.batches import as_fit_takes
from hpopt.problems.keras.data.feeding import first_input
from hpopt.problems.keras.population.data import can_hold
from hpopt.problems.keras.population.forms import Form, form_of
from hpopt.problems.keras.population.member import Member
from hpopt.problems.keras.population.places import Places
from hpopt.problems.keras.population.size import Population
from hpopt.problems.keras.population.wide_widths import wide_widths
from hpopt.problems.keras.population.widths import widening_of
from hpopt.problems.keras.session import reset_session
from hpopt.problems.keras.sharing.architecture import can_share, is_plain_model, layers_within
from hpopt.problems.keras.sharing.models import TracedModels, describe, traced_models
from hpopt.problems.keras.training.config import TrainingConfig
from hpopt.problems.keras.training.run import Wanted
from hpopt.problems.keras.training.trial import Steps, TrialInputs, trainings_of
from hpopt.space import Space

PLAIN = "they are not of Keras' own layers, losses, metrics and optimizers alone"


@dataclass(frozen=True, slots=True)
class Entry:
    """A trial of a group: its settings, what it trains, and its handle."""

    settings: TrainingConfig
    inputs: TrialInputs
    trial: TrialHandle


def train_together(
    keras: Any, population: Population, entries: Sequence[Entry], space: Space
) -> list[dict[str, Any] | Exception]:
    """Train the networks of several trials; return what `train_trial` would, for each.

    An exception in place of it is that of its trial alone. By the space of their configs it is
    known which widths others may have.
    """
    if not entries:
        return []
    limit = entries[0].settings.memory_limit
    with traced_models(limit) as models:
        group = _Group(keras, population, entries, models, space)
        group.train()
    return group.results


class _Course:
    """The course of a trial: what it wants next, and its result."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.result: dict[str, Any] | Exception | None = None

    def go_on(self, found: tuple[Any, Any] | None = None) -> Wanted | None:
        """Let it go on with what came of a training; return the next, None where it has ended."""
        return self._advanced(lambda: self._steps.send(found))  # type: ignore[arg-type]

    def fail(self, error: BaseException) -> Wanted | None:
        """Let it go on with what a training raised."""
        return self._advanced(lambda: self._steps.throw(error))

    def _advanced(self, advance: Callable[[], Wanted]) -> Wanted | None:
        try:
            return advance()
        except StopIteration as ended:
            self.result = ended.value
        except Exception as error:
            self.result = error
        return None


class _Group:
    """Trials that train side by side where they can."""

    def __init__(
        self,
        keras: Any,
        population: Population,
        entries: Sequence[Entry],
        models: TracedModels,
        space: Space,
    ) -> None:
        self._keras, self._population, self._models = keras, population, models
        self._space = space
        self._entries = entries
        self._courses = [
            _Course(trainings_of(keras, each.settings, each.inputs, each.trial, models))
            for each in entries
        ]
        self._not_begun = deque(zip(entries, self._courses, strict=True))
        self._waiting: deque[tuple[_Course, Member]] = deque()
        self._of: dict[int, _Course] = {}  # by the identity of members in places

    @property
    def results(self) -> list[Any]:
        """What came of each trial."""
        return [course.result for course in self._courses]

    def train(self) -> None:
        """Train all."""
        while self._waiting or self._begin_next():
            if self._waiting:
                self._train_beside(self._waiting[0][1])

    def _begin_next(self) -> bool:
        """Let the next trial begin; return whether there was one."""
        if not self._not_begun:
            return False
        entry, course = self._not_begun.popleft()
        # As in a process of its own: what it draws follows from its seed.
        reset_session(self._keras, entry.trial.seed, entry.settings.precision)
        self._follow(course, course.go_on())
        return True

    def _follow(self, course: _Course, wanted: Wanted | None) -> None:
        """Let a trial wait for a place; train what it wants at once where none will do."""
        while wanted is not None:
            try:
                found = self._member(wanted)
                if isinstance(found, Member):
                    self._waiting.append((course, found))
                    return
                result = found.alone()
            except Exception as error:
                wanted = course.fail(error)
            else:
                wanted = course.go_on(result)

    def _member(self, wanted: Wanted) -> Member | Wanted:
        """Return a training as a member of a population; itself if it is to be trained alone."""
        training, fresh, data = wanted.training, wanted.fresh, wanted.data
        if training.settings.callbacks is not None:
            return self._apart(wanted, "they have callbacks")
        if not can_hold(data):
            return self._apart(wanted, "their examples are many, or no numbers")
        if not is_plain_model(fresh):
            return self._apart(wanted, PLAIN)
        if not fresh.built:
            fresh(first_input(data.training))
        layers = layers_within(fresh)
        size, limit = training.fit.batch_size, training.settings.memory_limit
        k = self._population.k_for(fresh, layers, size, limit)
        if k is None:
            return wanted
        if not can_share(fresh, layers):
            return self._apart(wanted, PLAIN)
        training.schedule_rate(fresh, data)
        batch = as_fit_takes(data.training.batch(slice(0, 2)))
        others = ("population", k, size)
        key = "population"
        try:
            widening = widening_of(fresh, wide_widths(self._space, training.config))
            config_of = None if widening is None else widening.config_of
            n_steps = training.n_steps(data)
            described = describe(fresh, layers, batch, n_steps, others, config_of=config_of)
            key = described.key or key
            if described.key is None or self._models.has_refused(key):
                return _anew(wanted)
            form = form_of(self._models, fresh, described, k, batch, widening=widening)
            return Member(wanted, form, described, widening)
        except Exception as error:  # a version of Keras that is made in another way
            self._refuse(key, error)
            return _anew(wanted)

    def _apart(self, wanted: Wanted, why: str) -> Wanted:
        """Say once why some are trained alone."""
        self._models.say_once(f"networks train one after another, as {why}")
        return wanted

    def _refuse(self, key: str, error: Exception) -> None:
        self._models.populations.pop(key, None)
        if not self._models.has_refused(key):
            self._models.refuse(key, error, "train one after another, as training them as one")

    def _train_beside(self, first: Member) -> None:
        """Train a member and all others that can train beside it."""
        form, n_splits = first.form, self._entries[0].inputs.source.n_splits
        try:
            places = Places(form, first, validates_apart=n_splits > 1)
        except Exception as error:
            if not self._can_halve(form, error):
                self._train_alone(form, error)
            return
        while self._fill(places):
            try:
                trained = places.train_epoch()
            except Exception as error:
                self._take_back(places, error)
                return
            for place, member, row, logs in trained:
                try:
                    member.epoch_ended(row, logs)
                except Exception as error:
                    places.free(place)
                    course = self._of.pop(id(member))
                    self._follow(course, course.fail(error))
                    continue
                if member.has_ended:
                    places.free(place)
                    self._end(self._of.pop(id(member)), member)

    def _end(self, course: _Course, member: Member) -> None:
        self._follow(course, course.go_on((member, member.monitor)))

    def _fill(self, places: Places) -> bool:
        """Put what waits into the empty places, in its order; return whether any is taken."""
        newcomers: list[Member] = []
        while len(newcomers) < places.n_free:
            found = self._next_beside(places)
            if found is None:
                break
            course, member = found
            try:
                member.begin()
            except Exception as error:
                self._follow(course, course.fail(error))
                continue
            if member.has_ended:
                self._end(course, member)
                continue
            self._of[id(member)] = course
            newcomers.append(member)
        places.fill(newcomers)
        return places.n_free < places.k

    def _next_beside(self, places: Places) -> tuple[_Course, Member] | None:
        """Take the next that can train beside those in the places; None if there is none."""
        while True:
            for each in self._waiting:
                if each[1].stack_key == places.stack_key:
                    self._waiting.remove(each)
                    return each
            if not self._begin_next():
                return None

    # -- what goes wrong -------------------------------------------------------------------------

    def _can_halve(self, form: Form, error: Exception) -> bool:
        """Halve the places of a form, if that may help."""
        if status_of(error) != "out_of_memory" or form.k == 1:
            return False
        form.k //= 2
        form.programs.clear()
        sys.stdout.write(f"memory ran out: {form.k} networks at a time from now on\n")
        return True

    def _take_back(self, places: Places, error: Exception) -> None:
        """Let the members in the places wait for fewer places, or fail where that cannot help."""
        taken = [(self._of.pop(id(member)), member) for _, member in places.members()]
        if self._can_halve(places.form, error):
            self._waiting.extendleft(reversed(taken))
            return
        for course, _ in taken:
            self._follow(course, course.fail(error))

    def _train_alone(self, form: Form, error: Exception) -> None:
        """Train those of a form one after another, as no step of it can be traced."""
        self._refuse(form.key, error)
        left = [each for each in self._waiting if each[1].form is form]
        self._waiting = deque(each for each in self._waiting if each[1].form is not form)
        for course, member in left:
            self._follow(course, member.wanted)


def _anew(wanted: Wanted) -> Wanted:
    """Return what is wanted, with a model that nothing was done to."""
    return replace(wanted, fresh=wanted.training.make(wanted.run))
