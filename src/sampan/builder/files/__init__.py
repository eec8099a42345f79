"""Files that steps take: contexts, trees, what is selected, how it is copied."""
