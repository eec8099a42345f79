"""Scenarios side by side: sampan, and docker and podman where they are."""
