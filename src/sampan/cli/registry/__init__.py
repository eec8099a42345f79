"""`sampan registry ...`: a registry of one's own."""
