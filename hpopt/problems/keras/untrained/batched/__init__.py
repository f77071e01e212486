"""Many networks of one architecture as one computation."""

from hpopt.problems.keras.untrained.batched.networks import Networks

__all__ = ["Networks"]
