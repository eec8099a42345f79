"""Logs of containers: where a driver keeps them, how they are read, shown, put aside and compressed."""
