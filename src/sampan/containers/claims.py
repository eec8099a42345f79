"""What stands for a container outside its record: the lease of its start, its control group."""

from sampan.containers.model import Container
from sampan.storage.paths import Paths


def lease_of(container_id: str) -> str:
    """What a process holds while it starts a container."""
    return f"container:{container_id}"


def cgroups_path(paths: Paths, container: Container) -> str:
    """As in `linux.cgroupsPath`: below what --cgroup-parent names, else below the root's own group."""
    parent = container.spec.options.cgroup_parent
    return f"{'/' + parent.strip('/') if parent else paths.cgroup}/{container.id}"
