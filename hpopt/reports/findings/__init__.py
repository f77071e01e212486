"""What a report says of a study: facts as data, and sentences for people."""

from hpopt.reports.findings.assembly import findings
from hpopt.reports.findings.compared import Comparison, Run, compared
from hpopt.reports.findings.parts import (
    Answer,
    Edge,
    FailedBy,
    FailureRegion,
    Failures,
    Findings,
    FrontPart,
    Limits,
    Outlook,
    Recipe,
    Region,
    Times,
)

__all__ = [
    "Answer",
    "Comparison",
    "Edge",
    "FailedBy",
    "FailureRegion",
    "Failures",
    "Findings",
    "FrontPart",
    "Limits",
    "Outlook",
    "Recipe",
    "Region",
    "Run",
    "Times",
    "compared",
    "findings",
]
