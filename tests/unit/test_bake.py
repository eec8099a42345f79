"""Bake files: targets with variables, matrices, what they inherit, groups and overrides."""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.bake import files, targets
from sampan.errors import NotFound, SampanError, Unsupported


def resolved(
    folder: Path, fields: dict[str, Any], *wanted: str, sets: tuple[str, ...] = (), **values: str
) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    (folder / "docker-bake.json").write_text(json.dumps(fields))
    definition = files.load([str(folder / "docker-bake.json")], {})
    return targets.resolved(definition, wanted, sets, values)


BASE = {
    "variable": {"TAG": {"default": "1"}},
    "group": {"default": {"targets": ["app", "tools"]}, "more": {"targets": ["default"]}},
    "target": {
        "base": {"args": {"A": "base", "B": "base"}, "tags": ["base"], "pull": True},
        "app": {"inherits": ["base"], "args": {"A": "app"}, "tags": ["app:${TAG}", "$${TAG}"]},
        "tools": {"matrix": {"os": ["a", "b"], "v": [{"n": "1"}]}, "name": "t-${os}", "tags": ["${os}-${v.n}"]},
    },
}


def test_a_target_stands_on_what_it_inherits(tmp_path: Path) -> None:
    _, found = resolved(tmp_path, BASE, "app")
    assert found["app"]["args"] == {"A": "app", "B": "base"}
    assert (found["app"]["tags"], found["app"]["pull"]) == (["app:1", "${TAG}"], True)


def test_variables_are_replaced_from_outside(tmp_path: Path) -> None:
    assert resolved(tmp_path, BASE, "app", TAG="7")[1]["app"]["tags"][0] == "app:7"


def test_a_matrix_is_a_group_of_targets(tmp_path: Path) -> None:
    groups, found = resolved(tmp_path, BASE, "more")
    assert groups["default"] == groups["more"] == ["app", "t-a", "t-b"]
    assert [found[name]["tags"] for name in ("t-a", "t-b")] == [["a-1"], ["b-1"]]


@pytest.mark.parametrize(
    ("override", "target", "key", "value"),
    [
        ("app.args.C=x=y", "app", "args", {"A": "app", "B": "base", "C": "x=y"}),
        ("*.platform=linux/arm64", "t-a", "platforms", ["linux/arm64"]),
        ("t-*.context=other", "t-b", "context", "other"),
        ("app.no-cache=true", "app", "no-cache", True),
        ("app.push=true", "app", "output", ["type=registry"]),
        ("app.tags=new", "app", "tags", ["new"]),
    ],
)
def test_an_override_changes_what_its_pattern_matches(
    tmp_path: Path, override: str, target: str, key: str, value: object
) -> None:
    assert resolved(tmp_path, BASE, sets=(override,))[1][target][key] == value


def test_overrides_of_a_list_replace_it_together(tmp_path: Path) -> None:
    found = resolved(tmp_path, BASE, "app", sets=("app.tags=a", "app.tags=b"))[1]
    assert found["app"]["tags"] == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": {"default": {"nope": "x"}}}, "unknown field nope"),
        ({"target": {"default": {"tags": {"a": "b"}}}}, "another type"),
        ({"target": {"default": {"args": ["A=1"]}}}, "args"),
        ({"target": {"default": {"context": ["x"]}}}, "another type"),
        ({"target": {"default": {"inherits": ["default"]}}}, "inherits itself"),
        ({"target": {"default": {"inherits": ["x"]}}}, "failed to find target x"),
        ({"target": {"default": {"context": "${NOPE}"}}}, 'no variable named "NOPE"'),
        ({"target": {"default": {"matrix": {"a": ["1"]}}}}, "has a matrix but no name"),
        ({"target": {"default": {"matrix": ["1"], "name": "x"}}}, "no mapping of lists"),
        ({"group": {"default": {"targets": ["default"]}}}, "holds itself"),
        ({"target": {"x": {}}}, "failed to find target default"),
        ({"target": []}, "must be a mapping"),
        ([], "must be a mapping"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, fields: Any, message: str) -> None:
    with pytest.raises(SampanError, match=message):
        resolved(tmp_path, fields)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("x", "invalid override"),
        ("app=1", "invalid override"),
        ("no.tags=1", "any target matching"),
        ("app.z=1", "key"),
    ],
)
def test_a_wrong_override_is_told(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(SampanError, match=message):
        resolved(tmp_path, BASE, sets=(override,))


def test_a_later_file_is_laid_over_an_earlier(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(json.dumps({"target": {"default": {"args": {"A": "1", "B": "1"}, "tags": ["a"]}}}))
    second.write_text(json.dumps({"target": {"default": {"args": {"B": "2"}, "tags": ["b"]}}}))
    found = targets.resolved(files.load([str(first), str(second)], {}), (), (), {})[1]["default"]
    assert (found["args"], found["tags"]) == ({"A": "1", "B": "2"}, ["b"])


def test_services_that_are_built_are_targets(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(
        "services:\n  db: {image: postgres}\n  web:\n    image: web:${V:-5}\n    build:\n      context: src\n"
        "      args: [X=1, Y]\n      x-bake: {platforms: [linux/arm64], tags: ['web:latest']}\n  api: {build: .}\n"
    )
    groups, found = targets.resolved(files.load([str(path)], {"V": "6"}), (), (), {})
    assert groups["default"] == ["web", "api"]
    assert found["web"]["context"] == f"{tmp_path}/src"
    assert found["web"]["args"] == {"X": "1", "Y": None}
    assert (found["web"]["platforms"], found["web"]["tags"]) == (["linux/arm64"], ["web:latest"])


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="HCL"):
        files.load(["docker-bake.hcl"], {})
    with pytest.raises(NotFound, match="no bake file"):
        files.default_files(str(tmp_path))
