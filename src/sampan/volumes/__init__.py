"""Volumes: named folders that outlive containers, and how an empty one is filled from an image."""
