"""`sampan lock`: the images that a Dockerfile or Compose file names, and what each is by digest."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sampan.builder.options import BuildOptions
from sampan.builder.plan import graph
from sampan.builder.project import read_dockerfile
from sampan.builder.project import read_lock as read_lock
from sampan.dockerfile import parser, stages, words
from sampan.engine import transfers
from sampan.errors import InvalidArgument, NotFound, Unsupported
from sampan.images import store
from sampan.images.lock import Lock, Locked
from sampan.images.pull import read_config
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.oci.reference import Reference
from sampan.registry.client import Client
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LARGEST_COMPOSE = 1 << 20


def names_in(path: str, build_args: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The images that a file names, normalised and sorted: a Dockerfile's FROM, COPY --from and RUN --mount=from, or
    the services of a Compose file, with the Dockerfiles that they are built from.

    Raises NotFound, ParseError of a Dockerfile, Unsupported for a Compose file that is no JSON.
    """
    if os.path.isdir(path):
        path = os.path.join(path, "Dockerfile")
    if path.endswith((".yaml", ".yml", ".json")):
        found = _of_compose(path, build_args or {})
    else:
        found = _of_dockerfile(path, build_args or {})
    return tuple(sorted({reference.parse(text).normalised() for text in found}))


def _of_dockerfile(path: str, build_args: Mapping[str, str]) -> Sequence[str]:
    if not os.path.isfile(path):
        raise NotFound(f"open {path}: no such file or directory")
    source = read_dockerfile(BuildOptions(context=os.path.dirname(path) or ".", dockerfile=path))
    parsed = parser.parse(source.text, name=source.name)
    host = platforms.host_platform(os.uname().machine)
    arguments = graph.global_arguments(
        parsed.arguments, build_args, graph.platform_arguments(host, host), parsed.escape
    )
    plan = stages.resolve(parsed, expand=lambda text: words.expand(text, arguments.get, parsed.escape))
    return stages.images(plan)


def _of_compose(path: str, build_args: Mapping[str, str]) -> Sequence[str]:
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_COMPOSE + 1)
    except OSError as error:
        raise NotFound(f"open {path}: {(error.strerror or '').lower()}") from error
    if len(data) > _LARGEST_COMPOSE:
        raise InvalidArgument(f"{path} is larger than {_LARGEST_COMPOSE >> 20} MiB")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unsupported(
            f"{path}: a Compose file can be locked when it is written as JSON only",
            hint="docker compose config --format json > compose.json; sampan lock compose.json",
        ) from error
    found: list[str] = []
    for service in _services(document, path):
        build = service.get("build")
        if build is not None:
            found += _of_dockerfile(_dockerfile_of(build, os.path.dirname(path)), {**_args_of(build), **build_args})
        elif isinstance(service.get("image"), str):
            found.append(service["image"])
    return found


def _services(document: Any, path: str) -> Iterable[Mapping[str, Any]]:
    services = document.get("services") if isinstance(document, dict) else None
    if not isinstance(services, dict) or not all(isinstance(service, dict) for service in services.values()):
        raise InvalidArgument(f"{path}: services must be an object of objects")
    return services.values()


def _dockerfile_of(build: Any, folder: str) -> str:
    context = build if isinstance(build, str) else build.get("context", ".") if isinstance(build, dict) else "."
    name = build.get("dockerfile", "Dockerfile") if isinstance(build, dict) else "Dockerfile"
    return os.path.join(folder, str(context), str(name))


def _args_of(build: Any) -> dict[str, str]:
    args = build.get("args") if isinstance(build, dict) else None
    if isinstance(args, list):
        args = dict(text.partition("=")[::2] for text in args if isinstance(text, str))
    return {key: str(value) for key, value in args.items() if value is not None} if isinstance(args, dict) else {}


def locked(database: Database, paths: Paths, names: Sequence[str], *, config: str = "") -> Lock:
    """What each name means now: in its registry, or here, when the image was made here or connections are forbidden.

    Raises NotFound for a name that is nowhere, and as a pull does.
    """
    found: dict[str, Locked] = {}
    with transfers.client(paths, config) as registries:
        for text in names:
            name = reference.parse(text)
            here = None if name.digest else _here(database, text, name, is_asked_alone=transfers.is_offline())
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
