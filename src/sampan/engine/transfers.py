"""Images between this store and registries, as the public face shows it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sampan import __version__
from sampan.errors import InvalidArgument, NotFound
from sampan.images import store
from sampan.images.progress import Event, LayerStatus, Line, Listener, Warned, ignore
from sampan.images.pull import Pulled, pull
from sampan.images.push import Pushed, push
from sampan.oci import platform as platforms
from sampan.oci import reference
from sampan.oci.platform import Platform
from sampan.registry import certificates
from sampan.registry.accounts import Accounts
from sampan.registry.client import Client
from sampan.registry.transport import Options, offline_of, patience_of
from sampan.settings import sources
from sampan.settings.model import Registry
from sampan.storage.database import Database
from sampan.storage.paths import Paths


@contextmanager
def client(paths: Paths, config: str = "", *, insecure: str = "") -> Iterator[Client]:
    """Registries as settings, environment and the config.json in the folder `config` (~/.docker) say.

    `insecure` is one that may be without TLS whatever they say.
    """
    options = Options(
        user_agent=f"sampan/{__version__} linux/{platforms.host_platform(os.uname().machine).architecture}",
        is_offline=offline_of(os.environ),
        patience=patience_of(os.environ),
        certificate_places=certificates.folders(),
    )
    rules = sources.load(paths.settings).settings.registries
    if insecure:
        rules = (Registry(insecure, insecure=True), *rules)
    with Client(options, Accounts(config), rules) as made:
        yield made


def platform_of(text: str) -> Platform | None:
    """--platform as written; None for "". Raises InvalidArgument."""
    return platforms.parse(text, platforms.host_platform(os.uname().machine)) if text else None


def pull_images(
    database: Database,
    paths: Paths,
    text: str,
    *,
    platform: str = "",
    all_tags: bool = False,
    config: str = "",
    on_event: Listener = ignore,
) -> tuple[Pulled, ...]:
    """`docker pull`, with its status line. Raises InvalidArgument, NotFound, PermissionDenied, Unavailable, Corrupt."""
    name = reference.parse(text)
    wanted = platform_of(platform)
    with client(paths, config) as registries:
        names = [name]
        if all_tags:
            tags = registries.repository(name).tags()
            if not tags:
                raise NotFound(f"no tags found for {name.repository_familiar}")
            names = [name._replace(tag=tag) for tag in tags]
        done = tuple(pull(database, paths, registries, each, platform=wanted, on_event=on_event) for each in names)
    shown = name.repository_familiar if all_tags else name.familiar()
    state = "Downloaded newer image for" if any(pulled.is_new for pulled in done) else "Image is up to date for"
    on_event(Line(f"Status: {state} {shown}"))
    return done


def fetch(
    database: Database, paths: Paths, text: str, *, platform: str, config: str, tell: Callable[[str], object]
) -> None:
    """An image that a build needs; `tell` gets a line for each layer that is there."""

    def on_event(event: Event) -> None:
        if isinstance(event, Warned):
            tell(event.text)
        elif isinstance(event, LayerStatus) and not event.total:
            tell(f"{event.id}: {event.status}")

    with client(paths, config) as registries:
        pull(database, paths, registries, reference.parse(text), platform=platform_of(platform), on_event=on_event)


def send(database: Database, paths: Paths, text: str, *, config: str, tell: Callable[[str], object]) -> str:
    """Push the image that a build made under a tag; the digest of its manifest. `tell` gets a line for each layer."""

    def on_event(event: Event) -> None:
        if isinstance(event, Warned):
            tell(event.text)
        elif isinstance(event, LayerStatus) and not event.total:
            tell(f"{event.id}: {event.status}")

    with client(paths, config) as registries:
        return push(database, paths, registries, reference.parse(text), on_event=on_event).digest


def push_images(
    database: Database,
    paths: Paths,
    text: str,
    *,
    platform: str = "",
    all_tags: bool = False,
    config: str = "",
    on_event: Listener = ignore,
) -> tuple[Pushed, ...]:
    """`docker push`. Raises as pull_images() does."""
    name = reference.parse(text)
    if name.digest:
        raise InvalidArgument("cannot push a digest reference")
    wanted = platform_of(platform)
    names = store.tags_in(database, name) if all_tags else [name]
    on_event(Line(f"The push refers to repository [{name.name}]"))
    if not names:
        raise NotFound(f"An image does not exist locally with the tag: {name.repository_familiar}")
    with client(paths, config) as registries:
        return tuple(push(database, paths, registries, each, platform=wanted, on_event=on_event) for each in names)
