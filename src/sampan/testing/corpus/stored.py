"""Where the corpus lies in the repository, and what the reference Docker made of its cases: one line a case."""

import json
import os
from collections.abc import Mapping
from typing import Any

_REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4))
FOLDER = os.path.join(_REPOSITORY, "tests", "corpus", "dockerfiles")
PROGRAMS = os.path.join(_REPOSITORY, "tests", "corpus", "programs")
EXPECTED = os.path.join(FOLDER, "expected.json")


def read(path: str = EXPECTED) -> dict[str, Any]:
    """What is stored of each case, by its name; nothing where there is no file."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return dict(json.load(file))


def write(expected: Mapping[str, Any], path: str = EXPECTED) -> None:
    """One line a case, so that a change of one is a change of a line."""
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in sorted(expected.items())]
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
