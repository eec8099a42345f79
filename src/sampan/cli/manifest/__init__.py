"""Verbs of `sampan manifest`."""
