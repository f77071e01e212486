"""Families of networks: the space of each, and the network of a config."""
