"""Verbs of `buildx` that are not builds: the one builder there is, and images in registries."""
