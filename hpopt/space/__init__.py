"""What may be chosen: parameters, and spaces of them."""

from hpopt.space.choice import Categorical, Ordinal
from hpopt.space.grid import Grid
from hpopt.space.layout import SequenceLayout
from hpopt.space.narrowing import Narrowed
from hpopt.space.numeric import Float, Int
from hpopt.space.parameter import Parameter
from hpopt.space.prior import Normal
from hpopt.space.sequence import Sequence
from hpopt.space.space import Space
from hpopt.space.vector import Vector

__all__ = [
    "Categorical",
    "Float",
    "Grid",
    "Int",
    "Narrowed",
    "Normal",
    "Ordinal",
    "Parameter",
    "Sequence",
    "SequenceLayout",
    "Space",
    "Vector",
]
