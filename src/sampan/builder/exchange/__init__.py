"""Results of steps that travel: build caches in registries, in folders and inside of images."""
