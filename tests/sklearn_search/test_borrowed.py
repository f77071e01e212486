"""The quick ones of scikit-learn's own tests of its searches, of our search; see `borrowed`."""

import pytest

from .borrowed import BORROWED

pytestmark = pytest.mark.filterwarnings("ignore")

QUICK = [
    "test_SearchCV_with_fit_params",
    "test_X_as_list",
    "test_callable_multimetric_error_failing_clf",
    "test_callable_multimetric_error_on_invalid_key",
    "test_callable_single_metric_same_as_single_string",
    "test_classes__property",
    "test_grid_search",
    "test_grid_search_allows_nans",
    "test_grid_search_cv_results",
    "test_grid_search_failing_classifier",
    "test_grid_search_failing_classifier_raise",
    "test_grid_search_no_score",
    "test_grid_search_one_grid_point",
    "test_grid_search_pipeline_steps",
    "test_grid_search_precomputed_kernel",
    "test_gridsearch_nd",
    "test_multi_metric_search_forwards_metadata",
    "test_no_refit",
    "test_pandas_input",
    "test_pickle",
    "test_predict_proba_disabled",
    "test_refit_callable_multi_metric",
    "test_refit_callable_out_bound",
    "test_scalar_fit_param",
    "test_score_rejects_params_with_no_routing_enabled",
    "test_search_callbacks_propagation",
    "test_search_callbacks_receive_sample_weight",
    "test_search_callbacks_with_partial_fit_failures",
    "test_search_cv_results_none_param",
    "test_search_cv_score_samples_error",
    "test_search_cv_verbose_3",
    "test_search_estimator_param",
    "test_searchcv_raise_warning_with_non_finite_score",
    "test_unsupported_sample_weight_scorer",
]
globals().update({name: BORROWED[name] for name in QUICK if name in BORROWED})


def test_what_is_named_is_there():
    later = {name for name in QUICK if "callbacks" in name}  # of scikit-learn 1.9
    assert set(QUICK) - later <= set(BORROWED)
