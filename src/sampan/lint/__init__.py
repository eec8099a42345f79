"""Bad practice in Dockerfiles: rules over what was parsed, and what they find."""
