"""Readers of option values with a grammar of their own: ports, mounts, environment, limits, addresses."""
