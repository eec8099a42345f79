"""`why`: the facts about a container's state, and what they mean in plain words."""
