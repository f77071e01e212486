"""The search for scikit-learn's users: a drop-in for `RandomizedSearchCV` with hpopt's engine."""

from hpopt.problems.sklearn import SklearnProblem
from hpopt.sklearn.search import HyperparameterSearchCV

__all__ = ["HyperparameterSearchCV", "SklearnProblem"]
