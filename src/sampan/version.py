"""The version of sampan, for what says by whom it was made."""

VERSION = "0.1.0"
