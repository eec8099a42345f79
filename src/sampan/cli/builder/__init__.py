"""Verbs about building."""
