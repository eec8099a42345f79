"""Images as one file: `save` and `load`."""
