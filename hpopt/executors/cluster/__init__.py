"""On clusters: the worker agent, and the way of calls to it and of answers back."""
