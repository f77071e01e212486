"""A tracker that is not installed."""

import sys

import pytest

from hpopt.errors import MissingExtraError
from hpopt.integrations.trackers import Tracker


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb", "trackio"])
def test_it_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"hpopt.integrations.trackers.{name}", raising=False)
    for known in [each for each in sys.modules if each.startswith(f"{name}.")]:
        monkeypatch.delitem(sys.modules, known)
    with pytest.raises(MissingExtraError, match=rf"pip install 'hpopt\[{name}\]'"):
        Tracker(name)
