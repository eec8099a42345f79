"""Images: models, the store, archives, bootstrap from a distribution's packages."""
