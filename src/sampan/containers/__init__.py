"""The life of containers: options, compilation into an OCI bundle, records, start to removal."""
