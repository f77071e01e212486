import importlib.util

import pytest


@pytest.fixture(autouse=True)
def quiet():
    """Let Optuna not log each trial."""
    if importlib.util.find_spec("optuna") is None:
        yield
        return
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)
