"""Images: the store of configurations, layers and tags, and the ways in which an image comes to be."""
