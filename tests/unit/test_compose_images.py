"""The images that the services of Compose files need."""

from pathlib import Path

import pytest

from sampan.compose import images
from sampan.errors import InvalidArgument, NotFound

HUB = "docker.io/library/"


def names(folder: Path, *files: str, environment: dict[str, str] | None = None) -> list[str]:
    found = images.names_in([str(folder / file) for file in files], environment or {}, {})
    return sorted(name.removeprefix(HUB) for name in found)


def test_services_name_images_and_are_built_from_others(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/Containerfile").write_text(
        "ARG V=1\nFROM debian:$V\nCOPY --from=tools /a /b\nCOPY --from=quay.io/a/b /c /\n"
    )
    (tmp_path / ".env").write_text("REDIS=7\nOVER=file\n")
    (tmp_path / "compose.yaml").write_text(
        "x-image: &image\n  image: alpine:${OVER}\n"
        "services:\n  a: {image: 'redis:${REDIS:-6}'}\n  b:\n    <<: *image\n"
        "  c:\n    image: ours:1\n    build:\n      context: ./web\n"
        "      dockerfile: Containerfile\n      args: [V=$REDIS]\n"
        "      additional_contexts:\n        tools: docker-image://golang:1.22\n"
        "  d: {image: 'ours:1'}\n"
        "  e:\n    profiles: [debug]\n    build:\n"
        "      dockerfile_inline: |\n        FROM busybox\n        RUN echo $$HOME\n"
        "    volumes:\n      - {type: image, source: data:2, target: /data}\n"
    )
    found = names(tmp_path, "compose.yaml", environment={"OVER": "shell"})
    assert found == sorted(
        ["redis:7", "alpine:shell", "debian:7", "quay.io/a/b:latest", "golang:1.22", "busybox:latest", "data:2"]
    )


def test_a_later_file_is_laid_over_an_earlier(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("ARG A\nARG B\nFROM x:$A-$B\n")
    (tmp_path / "compose.yaml").write_text(
        "services:\n  a: {image: 'redis:6'}\n  b: {build: .}\n  c: {build: {args: {A: 1}}}\n  d: {image: e}\n"
    )
    (tmp_path / "compose.override.yaml").write_text(
        "services:\n  a: {image: 'redis:7'}\n  b: {build: {args: {A: 3, B: 4}}}\n  c: {build: {args: [B=2]}}\n"
        "  d: !reset {image: f}\n"
    )
    assert images.of_folder(str(tmp_path)) == [str(tmp_path / "compose.yaml"), str(tmp_path / "compose.override.yaml")]
    with pytest.raises(InvalidArgument, match="neither an image"):
        names(tmp_path, "compose.yaml", "compose.override.yaml")
    (tmp_path / "compose.override.yaml").write_text(
        (tmp_path / "compose.override.yaml").read_text().replace("!reset", "!override")
    )
    assert names(tmp_path, "compose.yaml", "compose.override.yaml") == ["f:latest", "redis:7", "x:1-2", "x:3-4"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("services:\n  a: {image: 'UPPER'}", r"c.yaml:2:14: services.a.image: .*lowercase"),
        ("services:\n  a:\n    image: ${X:?set X}", r"c.yaml:3:12: services.a.image: required variable X"),
        ("services:\n  a: {image: [b]}", r"c.yaml:2:14: services.a.image: must be a string"),
        ("services:\n  a: {ports: [1]}", r"services.a: has neither"),
        ("services:\n  a: {extends: b}", r"c.yaml:2:16: services.a.extends: is not followed"),
        ("include: [x]\nservices: {}", r"c.yaml:1:10: include: is not followed"),
        ("services: [a]", r"c.yaml:1:11: services: must be a mapping"),
        ("services:\n  a: {build: 'https://example.org/x.git'}", r"services.a.build.context: a context elsewhere"),
        ("name: x", "there are no services"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_keys(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InvalidArgument, match=reason):
        names(tmp_path, "c.yaml")


def test_a_file_that_is_not_there_is_named_and_json_is_yaml(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"open .*c\.yaml: no such file"):
        names(tmp_path, "c.yaml")
    (tmp_path / "c.json").write_text('{\n\t"services": {\n\t\t"a": {"image": "redis:7"}\n\t}\n}\n')
    assert names(tmp_path, "c.json") == ["redis:7"]
