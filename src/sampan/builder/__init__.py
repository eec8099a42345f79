"""Dockerfile and context to image: step graph, cache keys, layers, progress."""
