"""Which images were made from which: by what they are, for an image does not say what it was built on."""

from sampan.images import store
from sampan.images.model import Image
from sampan.storage.database import Database


def is_from(image: Image, base: Image) -> bool:
    """Whether `image` is `base`, or its layers and its history begin with those of `base`."""
    layers, history = base.config.diff_ids, base.config.history
    return image.id == base.id or (
        image.config.diff_ids[: len(layers)] == layers
        and len(image.config.history) > len(history)
        and image.config.history[: len(history)] == history
    )


def made_from(database: Database, base: Image) -> frozenset[str]:
    """IDs of the images that were made from `base`, its own among them."""
    return frozenset(image.id for image in store.all_images(database) if is_from(image, base))
