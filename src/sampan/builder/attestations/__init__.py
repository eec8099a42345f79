"""What is said about an image beside it: how it was built (SLSA provenance), what is in it (SPDX)."""
