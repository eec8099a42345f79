"""What `sampan build` is asked for, and what it answers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sampan.builder.attestations.wanted import NONE, Attestations
from sampan.builder.exchange.wanted import CachePlace
from sampan.builder.outputs.wanted import Output

if TYPE_CHECKING:
    from typing import BinaryIO


class Secret(NamedTuple):
    """A value that RUN may have by its `id`: the content of the file `path`, or of our environment variable `env`."""

    id: str
    path: str = ""
    env: str = ""


class Agent(NamedTuple):
    """An SSH agent that RUN may have by its `id`: the socket at `paths`, or keys in these files."""

    id: str
    paths: tuple[str, ...]


class Annotation(NamedTuple):
    """`level` is where it stands: manifest, index, manifest-descriptor or index-descriptor; `platform` "" means all."""

    level: str
    key: str
    value: str
    platform: str = ""


class BuildOptions(NamedTuple):
    """A build as asked for.

    `context` is a folder, the URL of an archive, a Dockerfile or a git repository, or - for what `stdin` holds; ""
    builds without one. `contexts` are others, by the names that FROM and --from call them. `origin` is what a context
    is called that was laid out in `context` for this build alone. `dockerfile` is a path relative to the working
    directory, "" means Dockerfile in the context; `dockerfile_text` stands in for the file. A build argument with the
    value None was named without one and is not set here either. `network` is default, none or host.

    `allow` are entitlements: network.host, security.insecure. `add_hosts` are (name, address or "host-gateway"),
    `ulimits` (name, soft, hard); a `shm_bytes` of 0 is the usual size of /dev/shm. Without `outputs` the image goes to
    this store. `platforms` are those that it is built for, none means this host's. `uncached` are names of stages whose
    steps are done again. With `on_error` "shell" a RUN that fails opens a shell; `shell_at` (STAGE, STAGE:STEP or STEP)
    opens one there instead of making an image. Both need a terminal. With `reproducible` the time of the argument
    SOURCE_DATE_EPOCH, or of 1970, is that of the image and of all files in its own layers.
    """

    context: str = "."
    dockerfile: str = ""
    dockerfile_text: str | None = None
    tags: tuple[str, ...] = ()
    build_args: Mapping[str, str | None] = {}
    labels: Mapping[str, str] = {}
    target: str = ""
    platforms: tuple[str, ...] = ()
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
    annotations: tuple[Annotation, ...] = ()
    uncached: tuple[str, ...] = ()
    cache_from: tuple[CachePlace, ...] = ()
    cache_to: tuple[CachePlace, ...] = ()
    outputs: tuple[Output, ...] = ()
    on_error: str = ""
    shell_at: str = ""
    contexts: Mapping[str, str] = {}
    attestations: Attestations = NONE
    reproducible: bool = False
    stdin: "BinaryIO | None" = None
    origin: str = ""


class BuildResult(NamedTuple):
    """What was built. `tags` are normalised references; `cached` and `executed` count steps that make a layer;
    `digest` is the manifest's in a registry, "" where it was not pushed; `image_id` is "" where only files were
    wanted.
    """

    image_id: str
    tags: tuple[str, ...]
    cached: int
    executed: int
    metadata: Mapping[str, Any] = {}
    digest: str = ""
