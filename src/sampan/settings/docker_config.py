"""The config.json that Docker's client keeps: where it is, and what it holds; for logins and for formats."""

import json
import os
from typing import Any

from sampan.errors import Corrupt, Unavailable

_MOST_BYTES = 4 << 20
_HINT = "mend the file, or move it away and log in again"


def default_folder() -> str:
    """Where the client's configuration is: $DOCKER_CONFIG, or ~/.docker."""
    return os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")


def path_in(folder: str = "") -> str:
    """The file in a folder; in the default one for ""."""
    return os.path.join(folder or default_folder(), "config.json")


def read(path: str) -> dict[str, Any]:
    """The document of a file; {} where there is none, or nothing in it.

    Raises Unavailable where it cannot be read, Corrupt for what is no object of JSON.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    if not data.strip():
        return {}
    try:
        document = json.loads(data) if len(data) <= _MOST_BYTES else None
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"{path} is no JSON: {error}", hint=_HINT) from error
    if not isinstance(document, dict):
        raise Corrupt(f"{path} is no object of JSON", hint=_HINT)
    return document
