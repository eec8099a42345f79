"""Sources and contexts that are elsewhere: what they are is found out first, and fetched only when it is needed."""
