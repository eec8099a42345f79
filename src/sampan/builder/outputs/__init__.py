"""Where the result of a build goes besides this store: folders, archives, registries."""
