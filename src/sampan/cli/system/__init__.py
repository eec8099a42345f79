"""Verbs about the store and this host."""
