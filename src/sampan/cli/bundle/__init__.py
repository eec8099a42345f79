"""`bundle`: images and build cache for a place without a network."""
