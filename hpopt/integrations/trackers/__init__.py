"""Experiment trackers: TensorBoard, MLflow, Weights & Biases and Trackio, as one callback."""

from hpopt.integrations.trackers.backend import Backend
from hpopt.integrations.trackers.tracked import TrackedStudy, TrackedTrial
from hpopt.integrations.trackers.tracker import Tracker

__all__ = ["Backend", "TrackedStudy", "TrackedTrial", "Tracker"]
