"""What `sampan build` is asked for, and what it answers."""

from collections.abc import Mapping
from typing import NamedTuple


class BuildOptions(NamedTuple):
    """A build as asked for.

    `context` is a folder; "" builds without one. `dockerfile` is a path relative to the working directory, "" means
    Dockerfile in the context; `dockerfile_text` stands in for the file. A build argument with the value None was named
    without one and is not set here either. `network` is default, none or host.
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


class BuildResult(NamedTuple):
    """What was built. `tags` are normalised references; `cached` and `executed` count steps that make a layer."""

    image_id: str
    tags: tuple[str, ...]
    cached: int
    executed: int
