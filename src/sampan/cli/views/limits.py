"""A container's limits in a few words."""

from sampan.cli.output import binary_size
from sampan.containers.options import RunOptions


def in_words(options: RunOptions) -> str:
    """ "64MiB, 0.5 CPUs, 100 processes"; "" without limits."""
    cpus = options.nano_cpus / 1e9
    if options.cpu_quota > 0:
        cpus = options.cpu_quota / (options.cpu_period or 100_000)
    parts = (
        (options.memory_bytes, binary_size(options.memory_bytes)),
        (cpus, f"{cpus:.3g} CPU{'' if cpus == 1 else 's'}"),
        (options.cpuset_cpus, f"CPU {options.cpuset_cpus}"),
        (max(options.pids_limit, 0), f"{options.pids_limit} processes"),
    )
    return ", ".join(text for is_set, text in parts if is_set)
