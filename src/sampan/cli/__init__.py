"""The command line: docker's verbs, flags, output and exit codes as a thin face of the engine."""
