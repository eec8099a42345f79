"""What a registry of one's own is kept in, for the faces: tidy it, prove it, fill it. No server is needed."""

import tempfile

from sampan.engine.images import Images
from sampan.registry.server.collection import Options as CollectOptions
from sampan.registry.server.collection import Report, collect
from sampan.registry.server.importing import Imported, import_layout
from sampan.registry.server.medium import Medium
from sampan.registry.server.opening import open_medium
from sampan.registry.server.verification import Findings, verify

__all__ = [
    "CollectOptions",
    "Findings",
    "Imported",
    "Report",
    "collect",
    "import_image",
    "import_layout",
    "open_medium",
    "verify",
]


def import_image(images: Images, medium: Medium, image: str, name: str = "") -> list[Imported]:
    """Put one image of an engine into a registry, as an archive that `save` writes and `import_layout` reads.

    `name` is REPOSITORY[:TAG], "" for the image's own. Raises NotFound, InvalidArgument.
    """
    with tempfile.NamedTemporaryFile(prefix="sampan-image-", suffix=".tar", dir=medium.path("tmp")) as archive:
        images.save([image], archive.write)
        archive.flush()
        return import_layout(medium, archive.name, name)
