"""Calls to jobs of a batch system, and answers back, through a folder on a disk that all share."""
