"""The public Python face: one object that builds, runs, lists and removes."""
