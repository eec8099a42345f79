"""Compose files: YAML read with positions, variables filled in, and what services are made from."""
