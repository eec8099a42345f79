"""Where two outcomes of a case differ, in lines for a person: `- ` is the reference's, `+ ` is ours."""

import difflib
import json
from collections.abc import Mapping
from typing import Any


def differences(reference: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Nothing where they are the same. Raises nothing: a part that one of them lacks is a difference."""
    found = []
    for part in dict.fromkeys((*reference, *ours)):
        before, after = _lines(reference.get(part)), _lines(ours.get(part))
        changed = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
        found += [f"{part}: {line}" for line in changed]
    return found


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [item if isinstance(item, str) else json.dumps(item) for item in value]
    if isinstance(value, Mapping):
        return [f"{key}={json.dumps(item, sort_keys=True)}" for key, item in sorted(value.items())]
    return [str(value)]
