"""Typed OCI documents, references, digests and platforms. Pure: no I/O."""
