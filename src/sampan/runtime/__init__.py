"""From wishes to a running process: the OCI bundle, and the drivers of OCI runtime (crun, runc) and monitor
(conmon)."""
