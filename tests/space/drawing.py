"""Hypothesis strategies: parameters and spaces of every kind."""

from decimal import Decimal

from hypothesis import assume
from hypothesis import strategies as st

from hpopt.errors import SpaceError
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space

CHOICES = [None, True, False, 0, 1, -3, 1.0, 0.5, 1e-8, "", "a", "naïve", (1, 2), ("x", (3, None))]


@st.composite
def decimals(draw, least=-999, most=999, exponents=(-6, 3)):
    """A number with at most three digits, as people write them."""
    digits = draw(st.integers(least, most))
    exponent = draw(st.integers(*exponents))
    return Decimal(digits).scaleb(exponent)


@st.composite
def continuous(draw):
    log = draw(st.booleans())
    drawn = {draw(decimals(1 if log else -999, 999, (-8, 5))) for _ in range(2)}
    assume(len(drawn) == 2)
    low, high = sorted(map(float, drawn))
    return Float(low, high, log=log)


@st.composite
def stepped(draw, most=12):
    step = draw(decimals(1, 99, (-4, 1)))
    low = step * draw(st.integers(-20, 20))
    high = low + step * draw(st.integers(1, most))
    return Float(float(low), float(high), log=draw(st.booleans()) and low > 0, step=float(step))


@st.composite
def ints(draw, most=30):
    log = draw(st.booleans())
    low, step = draw(st.integers(1 if log else -50, 50)), draw(st.integers(1, 7))
    return Int(low, low + step * draw(st.integers(1, most)), log=log, step=step)


def listed(kind, most=6):
    values = st.lists(st.sampled_from(CHOICES), min_size=1, max_size=most, unique_by=repr)
    return values.map(kind)


def finite(most=6):
    """Parameters of one coordinate with few values."""
    return st.one_of(ints(most), stepped(most), listed(Ordinal, most), listed(Categorical, most))


@st.composite
def layers(draw, of, most=3):
    """A Sequence of small layers, some of whose parameters depend on others."""
    space = draw(spaces(of=of, most=2, forbid=False))
    least = draw(st.integers(0, 2))
    return Sequence(space, least, draw(st.integers(max(least, 1), most)))


@st.composite
def whens(draw, earlier):
    """Conditions on up to two of the earlier parameters."""
    parents = [name for name, p in earlier.items() if p.width == 1 and p.size < 100]
    if not parents:
        return None
    chosen = draw(st.lists(st.sampled_from(parents), max_size=2, unique=True))
    when = {}
    for parent in chosen:
        values = [config[parent] for config in every({parent: bare(earlier[parent])})]
        when[parent] = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
    return when or None


def bare(parameter):
    """Give a parameter without its conditions."""
    return type(parameter)(**{**arguments(parameter), "when": None})


def arguments(parameter):
    names = [name for name in parameter.__match_args__ if name != "_places"]
    return {name: getattr(parameter, name) for name in names}


@st.composite
def spaces(draw, of=None, most=5, forbid=True, sequences=False):
    """Spaces of up to `most` parameters with conditions among them."""
    of = st.one_of(continuous(), finite()) if of is None else of
    kinds = st.one_of(of, layers(of)) if sequences else of
    parameters = {}
    for name in "abcdefgh"[: draw(st.integers(1, most))]:
        parameter = draw(kinds)
        when = draw(whens(parameters))
        parameters[name] = type(parameter)(**{**arguments(parameter), "when": when})
    forbidden = []
    if forbid and draw(st.booleans()):
        name = draw(st.sampled_from(list(parameters)))
        forbidden = [lambda config: len(repr(config.get(name))) % 3 == 0]
    try:
        return Space(parameters, forbid=forbidden)
    except SpaceError:  # conditions that exclude one another, or nothing left
        assume(False)


def every(parameters):
    """Enumerate the configs of finite parameters, slowly and plainly."""
    configs = [{}]
    for name, parameter in parameters.items():
        longer = []
        for config in configs:
            here = all(
                parent in config and any(_same(config[parent], value) for value in values)
                for parent, values in (parameter.when or {}).items()
            )
            if here:
                longer += [{**config, name: value} for value in values_of(parameter)]
            else:
                longer.append(config)
        configs = longer
    return configs


def _same(one, other):
    return repr(one) == repr(other)


def values_of(parameter):
    """List the values of a finite parameter."""
    if isinstance(parameter, Int):
        return list(range(parameter.low, parameter.high + 1, parameter.step))
    if isinstance(parameter, Float):
        step, low = (Decimal(repr(number)) for number in (parameter.step, parameter.low))
        return [float(low + step * place) for place in range(parameter.n_levels)]
    if isinstance(parameter, Sequence):
        each = every(parameter.layer)
        lists, found = [[]], []
        for length in range(parameter.max_length + 1):
            found += lists if length >= parameter.min_length else []
            lists = [[*before, layer] for before in lists for layer in each]
        return found
    return list(parameter.values if isinstance(parameter, Ordinal) else parameter.choices)
