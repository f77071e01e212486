"""ConfigSpace: its spaces as ours, and ours as its own."""

from hpopt.errors import MissingExtraError

try:
    import ConfigSpace  # noqa: F401
except ImportError as error:
    raise MissingExtraError(
        "ConfigSpace", "configspace", "hpopt.integrations.configspace"
    ) from error

from hpopt.integrations.configspace.reading import from_configspace
from hpopt.integrations.configspace.writing import to_configspace

__all__ = ["from_configspace", "to_configspace"]
