"""From a Dockerfile's source to typed instructions and stages, and .dockerignore patterns. Pure: no I/O."""
