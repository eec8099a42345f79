"""From instructions to stages and steps. Pure."""
