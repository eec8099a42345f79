"""Bake: many builds described in files, and done by one command."""
