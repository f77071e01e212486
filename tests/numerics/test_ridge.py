"""Ridge regression beside scikit-learn's, and beside leaving each row out in turn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from hpopt.numerics.ridge import PENALTIES, fit_ridge


def by_leaving_out(features, targets):
    """Return weights and intercept, with each row left out in turn for each penalty."""
    errors = []
    for penalty in PENALTIES[1:]:
        error = 0.0
        for row in range(len(targets)):
            others = np.arange(len(targets)) != row
            model = Ridge(alpha=penalty).fit(features[others], targets[others])
            error += (model.predict(features[[row]])[0] - targets[row]) ** 2
        errors.append(error)
    model = Ridge(alpha=PENALTIES[1 + int(np.argmin(errors))]).fit(features, targets)
    return model.coef_, model.intercept_


@pytest.mark.parametrize("noise", [0.001, 0.3, 1.0])
@pytest.mark.parametrize("n", [6, 40])  # fewer rows than features, and more
def test_it_is_the_ridge_that_predicts_best(noise, n):
    rng = np.random.default_rng(2)
    features = rng.random((n, 8))
    targets = 3 + features @ rng.normal(0, 2, 8) + noise * rng.standard_normal(n)
    weights, intercept = fit_ridge(features, targets)
    expected, its_intercept = by_leaving_out(features, targets)
    np.testing.assert_allclose(weights, expected, atol=1e-8)
    assert intercept == pytest.approx(its_intercept)


def test_what_features_do_not_explain_is_the_mean():
    rng = np.random.default_rng(0)
    features = rng.random((12, 6))
    targets = rng.standard_normal(12)
    for constant in (targets, np.full(12, 2.5)):
        weights, intercept = fit_ridge(features, constant)
        assert np.abs(weights).max() < 1e-12
        assert intercept == pytest.approx(constant.mean())
