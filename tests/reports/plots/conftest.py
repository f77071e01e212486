import sys

import pytest


@pytest.fixture(autouse=True)
def close_figures():
    """Close figures of pyplot, where another test has imported it."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
