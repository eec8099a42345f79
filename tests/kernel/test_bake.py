"""`buildx bake`: targets of a file, built by one command."""

import json
from pathlib import Path

import pytest

from sampan.testing.command import Sampan

BAKE = {
    "variable": {"TAG": {"default": "1"}},
    "group": {"default": {"targets": ["one", "two"]}},
    "target": {
        "one": {"tags": ["one:${TAG}"], "args": {"WHO": "one"}},
        "two": {"inherits": ["one"], "tags": ["two"], "dockerfile-inline": "FROM scratch\nCOPY file /two\n"},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docker-bake.json").write_text(json.dumps(BAKE))
    (tmp_path / "Dockerfile").write_text("FROM busybox\nARG WHO\nRUN echo $WHO > /who\n")
    (tmp_path / "file").write_text("content")
    return tmp_path


def test_all_targets_of_a_group_are_built(sampan: Sampan, folder: Path) -> None:
    sampan("buildx", "bake", "--metadata-file", "md", cwd=str(folder), env={"TAG": "9"})
    assert sampan("run", "--rm", "one:9", "cat", "/who").out == "one\n"
    found = json.loads((folder / "md").read_text())
    assert {name: fields["image.name"] for name, fields in found.items()} == {
        "one": "docker.io/library/one:9",
        "two": "docker.io/library/two",
    }


def test_what_would_be_built_is_printed(sampan: Sampan, folder: Path) -> None:
    printed = json.loads(sampan("bake", "--print", "--set", "one.output=out", "one", cwd=str(folder)).out)
    assert printed == {
        "group": {"default": {"targets": ["one"]}},
        "target": {
            "one": {
                "context": ".",
                "dockerfile": "Dockerfile",
                "args": {"WHO": "one"},
                "tags": ["one:1"],
                "output": [{"dest": "out", "type": "local"}],
            }
        },
    }


def test_compose_files_are_baked(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  app:\n    image: app:3\n    build: src\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/Dockerfile").write_text("FROM busybox\n")
    sampan("buildx", "bake", cwd=str(tmp_path))
    assert "app:3" in sampan("images", "--format", "{{.Repository}}:{{.Tag}}").out.split()


def test_a_failure_names_its_target(sampan: Sampan, folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM busybox\nRUN exit 3\n")
    assert "ERROR: target one: failed to build" in sampan("bake", "two", "one", code=1, cwd=str(folder)).err
    assert "failed to find target thre" in sampan("bake", "thre", code=1, cwd=str(folder)).err


def test_targets_are_listed_and_checked(sampan: Sampan, folder: Path) -> None:
    assert "one" in sampan("bake", "--list", "targets", cwd=str(folder)).out
    assert "TAG" in sampan("bake", "--list", "type=variables", cwd=str(folder)).out
    assert "Check complete" in sampan("bake", "--check", "one", cwd=str(folder)).out
