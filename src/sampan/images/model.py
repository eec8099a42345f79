"""What an image is to the rooms above."""

from sampan.oci.config import ImageConfig
from sampan.values import NamedTuple


class Image(NamedTuple):
    """A stored image. `id` is "sha256:...", `layers` snapshot ids lowest first, `tags` normalised references, sorted.

    `size` is the bytes of all its layers' regular files, `created` the RFC 3339 text of its configuration and
    `stored_ns` when it came into this store. `digests` are the normalised name@digest forms by which registries know
    it, sorted.
    """

    id: str
    config: ImageConfig
    layers: tuple[str, ...]
    size: int
    tags: tuple[str, ...]
    created: str
    stored_ns: int = 0
    digests: tuple[str, ...] = ()


class HistoryRow(NamedTuple):
    """A line of `docker history`, newest first: `id` is the image's for the newest, "<missing>" for those below."""

    id: str
    created: str
    created_by: str
    size: int
    comment: str
    tags: tuple[str, ...] = ()


class Untagged(NamedTuple):
    """A name that was taken away, as a person writes it: busybox:latest, busybox@sha256:..."""

    reference: str


class Deleted(NamedTuple):
    """An image, or a layer by its chain ID, that is gone."""

    digest: str


def short_id(image_id: str) -> str:
    """The 12 digits that Docker shows."""
    return image_id.removeprefix("sha256:")[:12]


def chain_ids(diff_ids: tuple[str, ...]) -> tuple[str, ...]:
    """The chain ID of each layer, lowest first (image-spec, config.md, "Layer ChainID")."""
    import hashlib

    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(
            diff_id if not chain else "sha256:" + hashlib.sha256(f"{chain[-1]} {diff_id}".encode()).hexdigest()
        )
    return tuple(chain)
