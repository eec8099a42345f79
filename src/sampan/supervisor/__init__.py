"""The process that watches what needs watching, and ends when nothing does."""
