"""Families of networks: what may be chosen of each, and the network of a config."""
