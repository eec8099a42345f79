"""--metadata-file of `sampan build`: what was built, as JSON with the keys that buildx writes."""

import json
import os
import secrets
import string
from typing import Any

from sampan.builder.options import BuildResult
from sampan.cli.errors import ClientError
from sampan.oci import reference

_DIGITS = string.digits + string.ascii_lowercase
_REF_LENGTH = 25


def write(path: str, result: BuildResult, tags: tuple[str, ...]) -> None:
    """Raises ClientError where the file cannot be written."""
    write_document(path, document(result, tags))


def document(result: BuildResult, tags: tuple[str, ...]) -> dict[str, Any]:
    """The metadata of one build; `tags` are as they were given."""
    found = {**result.metadata, "buildx.build.ref": f"default/default/{_ref()}"}
    if tags and result.image_id:
        found["image.name"] = ",".join(shown(tag) for tag in tags)
    return dict(sorted(found.items()))


def write_document(path: str, fields: dict[str, Any]) -> None:
    """Write a file that appears when it is whole. Raises ClientError."""
    folder, name = os.path.split(os.path.realpath(path))
    temporary = f"{folder}/.tmp-{name}{os.getpid()}"
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            json.dump(fields, file, indent=2, ensure_ascii=False)
        os.rename(temporary, os.path.join(folder, name))
    except OSError as error:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise ClientError(f"ERROR: failed to write {path}: {(error.strerror or '').lower()}") from error


def _ref() -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(_REF_LENGTH))


def shown(tag: str) -> str:
    """A name in full, with a tag where it was given with one."""
    whole = reference.parse(tag).normalised()
    return whole if ":" in tag.rpartition("/")[2] else whole.removesuffix(":latest")
