"""What RUN --mount gives a command: files, caches, secrets, agents."""
