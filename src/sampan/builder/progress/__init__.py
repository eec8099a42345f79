"""What a build tells while it goes on, and how it is shown."""
