"""Configs to try first: those that the user gave, and what was left out of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hpopt.core.trial import Config
from hpopt.errors import ConfigError
from hpopt.numerics.sampling import keyed_generator
from hpopt.space import Space

STREAM = 7
"""Keeps these draws apart from those of strategies, which have keys of one or two numbers."""

# Where one draw in a hundred fits, 300 miss all with a chance of 5 %; more would seem to hang.
DRAWS = 300


def start_configs(
    start: Iterable[Mapping[str, Any]], space: Space, seed: int
) -> tuple[Config, ...]:
    """Return the configs to try first in their canonical form, each once.

    What a config leaves out has its default, or is sampled by a generator of the study's seed
    and the config's place, so that conditions hold, nothing is forbidden, and no config repeats.

    Raises
    ------
    ConfigError
        One does not fit the space, cannot be completed, or is there twice.
    """
    configs: dict[int, Config] = {}
    partial: dict[int, Mapping[str, Any]] = {}
    taken: set[bytes] = set()
    for place, given in enumerate(as_list(start)):
        config = _without_draws(given, space)
        if config is None:
            partial[place] = given
            continue
        if space.key(config) in taken:
            raise ConfigError(f"start must hold different configs, but got {config} twice")
        configs[place] = config
        taken.add(space.key(config))
    for place, given in partial.items():
        configs[place] = _drawn(given, space, seed, place, taken)
        taken.add(space.key(configs[place]))
    return tuple(configs[place] for place in sorted(configs))


def as_list(start: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return start configs as a list; raise ConfigError for one that is in no list."""
    if isinstance(start, Mapping):
        raise ConfigError(
            f"start must be a list of configs, but got a single one: write start=[{dict(start)!r}]"
        )
    return list(start)


def is_part_of(given: Mapping[str, Any], config: Config, space: Space) -> bool:
    """Return whether a config may be what a config of a user's was completed to."""
    try:
        return space.validate(_merged(given, config)) == config
    except ConfigError:
        return False


def _merged(given: Any, config: Any) -> Any:
    """Return what is given with what else is in a config, in the layers of lists too."""
    if isinstance(given, Mapping) and isinstance(config, Mapping):
        return {**config, **{name: _merged(given[name], config.get(name)) for name in given}}
    if isinstance(given, list | tuple) and isinstance(config, list) and len(given) == len(config):
        return [_merged(*pair) for pair in zip(given, config, strict=True)]
    return given


def _without_draws(given: Mapping[str, Any], space: Space) -> Config | None:
    """Return what is complete with its defaults; None where something must be sampled."""
    if not isinstance(given, Mapping):
        return space.validate(given)  # says what is wrong
    filled = space.filled(given)
    if space.filled(given, keyed_generator(0)) == filled:
        return space.validate(filled)
    return None


def _drawn(
    given: Mapping[str, Any], space: Space, seed: int, place: int, taken: set[bytes]
) -> Config:
    rng = keyed_generator(seed, place, STREAM, 0)
    for _ in range(DRAWS):
        try:
            config = space.validate(space.filled(given, rng))
        except ConfigError as error:
            why = str(error)
            continue
        if space.key(config) not in taken:
            return config
        why = "other start configs are all that it can be"
    raise ConfigError(
        f"a start config must be part of one that fits, but for {dict(given)!r} none of {DRAWS} "
        f"draws of what it leaves out was: {why}"
    )
