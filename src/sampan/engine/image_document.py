"""Docker's inspect document of an image, in the shape of Docker 28.5."""

from typing import Any

from sampan.containers.timestamp import rfc3339
from sampan.images.model import Image
from sampan.oci import reference
from sampan.oci.config import ContainerConfig, container_config_to_json
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def image_document(database: Database, paths: Paths, image: Image) -> dict[str, Any]:
    """Everything that is known about an image."""
    row = database.row("SELECT max(tagged_at) FROM tag WHERE image_id = ?", (image.id,))
    return compose(paths, image, int(row[0] or 0) if row else 0)


def compose(paths: Paths, image: Image, tagged_ns: int) -> dict[str, Any]:
    """The document from what is stored; `tagged_ns` is when it got its last tag, 0 = never. Pure."""
    config = image.config
    layers = [paths.layer(layer) for layer in reversed(image.layers)]
    data = {"LowerDir": ":".join(layers[1:])} if len(layers) > 1 else {}
    if layers:
        data["UpperDir"] = layers[0]
    return {
        "Id": image.id,
        "RepoTags": [reference.parse(tag).familiar() for tag in image.tags],
        "RepoDigests": [reference.parse(digest).familiar() for digest in image.digests],
        "Parent": "",
        "Comment": config.history[-1].comment if config.history else "",
        "Created": image.created or rfc3339(0),
        "DockerVersion": "",
        "Author": config.author,
        "Architecture": config.architecture,
        **({"Variant": config.variant} if config.variant else {}),
        "Os": config.os,
        "Size": image.size,
        "GraphDriver": {"Data": data, "Name": "overlay2"},
        "RootFS": {"Type": "layers", **({"Layers": list(config.diff_ids)} if config.diff_ids else {})},
        "Metadata": {"LastTagTime": rfc3339(tagged_ns)},
        "Config": _config(config.config),
    }


def _config(config: ContainerConfig) -> dict[str, Any]:
    """The fields of the OCI configuration by name; some are null when they are unset, the others left out."""
    always = ("Cmd", "Entrypoint", "Env", "Labels", "OnBuild", "Volumes")
    document = {**dict.fromkeys(always), "User": "", "WorkingDir": "", **container_config_to_json(config)}
    if config.healthcheck is not None:
        document["Healthcheck"] = dict(sorted(document["Healthcheck"].items()))
    if config.labels:
        document["Labels"] = dict(sorted(config.labels.items()))
    return dict(sorted(document.items()))
