"""What people look at, as data, and how it becomes text or HTML."""

from hpopt.sheets.parts import Choice, Fields, Line, Part, Passage, Row, Stack, Table
from hpopt.sheets.sheet import Sheet, fields
from hpopt.sheets.short import config_in_short, in_short, is_number, layer_in_short

__all__ = [
    "Choice",
    "Fields",
    "Line",
    "Part",
    "Passage",
    "Row",
    "Sheet",
    "Stack",
    "Table",
    "config_in_short",
    "fields",
    "in_short",
    "is_number",
    "layer_in_short",
]
