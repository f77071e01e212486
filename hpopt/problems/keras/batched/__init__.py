"""Many networks of one architecture as one computation."""

from hpopt.problems.keras.batched.networks import Networks

__all__ = ["Networks"]
