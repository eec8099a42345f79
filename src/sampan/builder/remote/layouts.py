"""Named contexts that are images in OCI layouts: --build-context NAME=oci-layout://FOLDER[:TAG][@DIGEST]."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any, cast

from sampan.builder.plan.named import IMAGE, LAYOUT
from sampan.errors import Corrupt, InvalidArgument, NotFound
from sampan.images.archive import folders, loading
from sampan.linux import files
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.storage.tar import Readable

_REF_NAME = "org.opencontainers.image.ref.name"
_LARGEST_INDEX = 4 << 20


def loaded(database: Database, paths: Paths, contexts: Mapping[str, str]) -> dict[str, str]:
    """The contexts with each layout's image in the store, without a name there, in the layout's place.

    Raises NotFound for what is not there, Corrupt for a layout that is none.
    """
    found = dict(contexts)
    for name, value in contexts.items():
        if value.startswith(LAYOUT):
            found[name] = IMAGE + _image(database, paths, value.removeprefix(LAYOUT))
    return found


def _image(database: Database, paths: Paths, text: str) -> str:
    folder, digest, tag = _parts(text)
    position, count = _position(folder, digest, tag)
    with folders.opened(folder) as stream:
        images = loading.load(database, paths, cast(Readable, stream), is_tagged=False)
    if len(images) == 1:
        return images[0].image_id
    if len(images) != count:
        raise InvalidArgument(
            f"{folder} holds indexes of several images", hint="give a layout of one image, as skopeo copy makes it"
        )
    return images[position].image_id


def _parts(text: str) -> tuple[str, str, str]:
    """(folder, digest, tag) of FOLDER[:TAG][@DIGEST]."""
    rest, _, digest = text.partition("@")
    if not os.path.isdir(rest):
        folder, _, tag = rest.rpartition(":")
        if folder and os.path.isdir(folder):
            return folder, digest, tag
        raise NotFound(f"could not find oci-layout at {rest}", hint="write oci-layout://FOLDER:TAG")
    return rest, digest, ""


def _position(folder: str, digest: str, tag: str) -> tuple[int, int]:
    """(which image of the layout's index is meant, how many there are)."""
    path = os.path.join(folder, "index.json")
    try:
        with open(_regular(folder), "rb") as file:
            index: Any = json.loads(file.read(_LARGEST_INDEX))
        manifests = [(str(entry["digest"]), entry.get("annotations") or {}) for entry in index["manifests"]]
    except FileNotFoundError as error:
        raise NotFound(f"could not find oci-layout at {folder}: there is no index.json") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Corrupt(f"{path} is no index of images") from error
    for position, (found, annotations) in enumerate(manifests):
        if found == digest if digest else _is_named(str(annotations.get(_REF_NAME, "")), tag or "latest"):
            return position, len(manifests)
    if len(manifests) == 1 and not digest and not tag:
        return 0, 1
    wanted = digest or tag or "latest"
    names = ", ".join(str(annotations.get(_REF_NAME, found)) for found, annotations in manifests[:5])
    raise NotFound(f"{wanted} is not in the oci-layout {folder}", hint=f"there: {names}" if names else "")


def _regular(folder: str) -> int:
    """The index, opened; raises OSError for what would have to be waited for."""
    root = os.open(folder, files.DIRECTORY)
    try:
        return files.open_regular(root, "index.json")
    finally:
        os.close(root)


def _is_named(name: str, tag: str) -> bool:
    return name == tag or re.search(rf":{re.escape(tag)}$", name) is not None
