"""The problem of a command: a script in any language, run once for each config."""

from hpopt.problems.command.problem import CommandProblem

__all__ = ["CommandProblem"]
