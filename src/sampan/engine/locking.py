"""`sampan lock`: the images that a Dockerfile names, and what each is by digest."""

import os
from collections.abc import Mapping, Sequence

from sampan.builder.options import BuildOptions
from sampan.builder.plan import graph
from sampan.builder.project import read_dockerfile
from sampan.builder.project import read_lock as read_lock
from sampan.dockerfile import parser, stages, words
from sampan.engine import transfers
from sampan.errors import NotFound, Unsupported
from sampan.images import store
from sampan.images.lock import Lock, Locked
from sampan.images.pull import read_config
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.oci.reference import Reference
from sampan.registry.client import Client
from sampan.registry.transport import offline_of
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def names_in(path: str, build_args: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The images that a Dockerfile, or that of a folder, names: FROM, COPY --from and RUN --mount=from; normalised and
    sorted. Raises NotFound, ParseError."""
    if os.path.isdir(path):
        path = os.path.join(path, "Dockerfile")
    if not os.path.isfile(path):
        raise NotFound(f"open {path}: no such file or directory")
    options = BuildOptions(context=os.path.dirname(path) or ".", dockerfile=path)
    return tuple(sorted({normalised(text) for text in images_of(options, build_args or {})}))


def images_of(options: BuildOptions, build_args: Mapping[str, str]) -> Sequence[str]:
    """The images that the Dockerfile of `options` names, as written there once arguments are filled in.

    Raises BuildFailed where there is no Dockerfile, ParseError.
    """
    source = read_dockerfile(options)
    parsed = parser.parse(source.text, name=source.name)
    host = platforms.host_platform(os.uname().machine)
    arguments = graph.global_arguments(
        parsed.arguments, build_args, graph.platform_arguments(host, host), parsed.escape
    )
    plan = stages.resolve(parsed, expand=lambda text: words.expand(text, arguments.get, parsed.escape))
    return stages.images(plan)


def normalised(text: str) -> str:
    """A name in full: docker.io/library/debian:bookworm."""
    return reference.parse(text).normalised()


def locked(database: Database, paths: Paths, names: Sequence[str], *, config: str = "") -> Lock:
    """What each name means now: in its registry, or here, when the image was made here or connections are forbidden.

    Raises NotFound for a name that is nowhere, and as a pull does.
    """
    found: dict[str, Locked] = {}
    with transfers.client(paths, config) as registries:
        for text in names:
            name = reference.parse(text)
            here = None if name.digest else _here(database, text, name, is_asked_alone=offline_of(os.environ))
            found[text] = here or _in_registry(registries, name)
    return found


def _here(database: Database, text: str, name: Reference, *, is_asked_alone: bool) -> Locked | None:
    """An image of this store. One that came from a registry counts only when that cannot be asked."""
    try:
        image = store.find(database, text)
    except NotFound:
        return None
    own = platforms.normalise(image.config.os, image.config.architecture, image.config.variant)
    digests = [digest.partition("@")[2] for digest in image.digests if digest.startswith(name.name + "@")]
    if not digests:
        return Locked(image.id, {str(own): image.id})
    return Locked(digests[-1], {}) if is_asked_alone else None


def _in_registry(registries: Client, name: Reference) -> Locked:
    repository = registries.repository(name)
    fetched = repository.manifest(name.digest or name.tag)
    document = manifests.parse(fetched.content, fetched.media_type)
    if isinstance(document, manifests.Index):
        known = ((manifests.platform_of(entry), entry.digest) for entry in document.manifests)
        return Locked(fetched.digest, {str(platform): digest for platform, digest in known if platform is not None})
    if not document.is_image:
        raise Unsupported(f"{name.familiar()} is no image of a container")
    config = read_config(repository, document.config)
    own = platforms.normalise(config.os, config.architecture, config.variant)
    return Locked(fetched.digest, {str(own): fetched.digest})
