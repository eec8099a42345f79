"""Dockerfiles with their contexts, built and compared with what the reference Docker makes of them."""
