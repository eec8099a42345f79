"""What `sampan build` is asked for, and what it answers."""

from collections.abc import Mapping
from typing import NamedTuple


class Secret(NamedTuple):
    """A value that RUN may have by its `id`: the content of the file `path`, or of our environment variable `env`."""

    id: str
    path: str = ""
    env: str = ""


class Agent(NamedTuple):
    """An SSH agent that RUN may have by its `id`: the socket at `paths`, or keys in these files."""

    id: str
    paths: tuple[str, ...]


class BuildOptions(NamedTuple):
    """A build as asked for.

    `context` is a folder; "" builds without one. `dockerfile` is a path relative to the working directory, "" means
    Dockerfile in the context; `dockerfile_text` stands in for the file. A build argument with the value None was named
    without one and is not set here either. `network` is default, none or host.

    `allow` are entitlements: network.host, security.insecure. `add_hosts` are (name, address or "host-gateway"),
    `ulimits` (name, soft, hard); a `shm_bytes` of 0 is the usual size of /dev/shm.
    """

    context: str = "."
    dockerfile: str = ""
    dockerfile_text: str | None = None
    tags: tuple[str, ...] = ()
    build_args: Mapping[str, str | None] = {}
    labels: Mapping[str, str] = {}
    target: str = ""
    platform: str = ""
    network: str = "default"
    no_cache: bool = False
    pull: bool = False
    iidfile: str = ""
    runtime: str = ""
    secrets: tuple[Secret, ...] = ()
    agents: tuple[Agent, ...] = ()
    allow: tuple[str, ...] = ()
    add_hosts: tuple[tuple[str, str], ...] = ()
    shm_bytes: int = 0
    ulimits: tuple[tuple[str, int, int], ...] = ()
    cgroup_parent: str = ""


class BuildResult(NamedTuple):
    """What was built. `tags` are normalised references; `cached` and `executed` count steps that make a layer."""

    image_id: str
    tags: tuple[str, ...]
    cached: int
    executed: int
