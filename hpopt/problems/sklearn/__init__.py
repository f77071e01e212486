"""Estimators of scikit-learn: their parameters are searched by cross-validation."""

from hpopt.problems.sklearn.problem import SklearnProblem
from hpopt.problems.sklearn.spaces import EstimatorSpace, estimator_space

__all__ = ["EstimatorSpace", "SklearnProblem", "estimator_space"]
