"""For tests: a private root, a small image, the command as a function, crash points, a check that nothing is left."""
