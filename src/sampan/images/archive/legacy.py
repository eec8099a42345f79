"""Archives of Docker before 1.10: `repositories` names a topmost layer, and each layer's folder holds `json` and
`layer.tar`; `parent` leads down. Their images have no configuration of today's form: it is made of the layers'. Pure.
"""

import json
from collections.abc import Sequence
from typing import Any

from sampan.errors import Corrupt

_DEEPEST = 1024
_OF_LAYERS = ("id", "parent", "parent_id", "layer_id", "throwaway", "Size")


def compose(documents: Sequence[dict[str, Any]], diff_ids: Sequence[str]) -> bytes:
    """The image configuration of layers whose documents and diff IDs are given, lowest first."""
    top = {key: value for key, value in documents[-1].items() if key not in _OF_LAYERS}
    history = [_history(document) for document in documents]
    made = {**top, "rootfs": {"type": "layers", "diff_ids": list(diff_ids)}, "history": history}
    return json.dumps(made, separators=(",", ":"), ensure_ascii=False).encode()


def _history(document: dict[str, Any]) -> dict[str, Any]:
    of_container = document.get("container_config")
    command = of_container.get("Cmd") if isinstance(of_container, dict) else None
    words = command if isinstance(command, list) else []
    fields = {
        "created": document.get("created"),
        "created_by": " ".join(word for word in words if isinstance(word, str)),
        "author": document.get("author"),
        "comment": document.get("comment"),
    }
    return {key: value for key, value in fields.items() if isinstance(value, str) and value}


def check_length(chain: Sequence[object]) -> None:
    """Raises Corrupt for a chain of parents that has no end."""
    if len(chain) > _DEEPEST:
        raise Corrupt(f"the archive has a chain of more than {_DEEPEST} layers")
