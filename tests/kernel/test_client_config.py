"""What docker's config.json says: formats of lists, proxies of containers and builds."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.roots import busybox_store, copied


@pytest.fixture(scope="module")
def yard(base: str) -> Iterator[Sampan]:
    with copied(busybox_store(base), base + "/client-config") as sampan:
        sampan("create", "--name", "one", "-v", "data:/data", "busybox", "true")
        yield sampan


def written(folder: Path, document: object) -> dict[str, str]:
    (folder / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return {"DOCKER_CONFIG": str(folder)}


def test_lists_have_the_formats_that_it_says(yard: Sampan, tmp_path: Path) -> None:
    env = written(
        tmp_path,
        {
            "psFormat": "table {{.Names}}",
            "imagesFormat": "I {{.Repository}}",
            "networksFormat": "N {{.Name}}",
            "volumesFormat": "V {{.Name}}",
        },
    )
    assert yard("ps", "-a", env=env).out == "NAMES\none\n"
    assert yard("ps", "-a", "--format", "{{.Image}}", env=env).out == "busybox\n"
    assert len(yard("ps", "-aq", env=env).out) == 13
    assert yard("images", env=env).out == "I busybox\n"
    assert yard("volume", "ls", env=env).out == "V data\n"
    assert yard("network", "ls", env=env).out.splitlines() == ["N bridge", "N host", "N none"]


def test_containers_and_builds_get_its_proxies(yard: Sampan, tmp_path: Path) -> None:
    env = written(tmp_path, {"proxies": {"default": {"httpProxy": "http://192.0.2.1:3128", "noProxy": "localhost"}}})
    script = "env | grep -i proxy | sort"
    found = yard("run", "--rm", "-e", "HTTP_PROXY=mine", "busybox", "sh", "-c", script, env=env).out
    assert found.splitlines() == [
        "HTTP_PROXY=mine",
        "NO_PROXY=localhost",
        "http_proxy=http://192.0.2.1:3128",
        "no_proxy=localhost",
    ]
    (tmp_path / "Dockerfile").write_text(f"FROM busybox\nRUN {script} > /proxies\n")
    yard("build", "-q", "-t", "proxied", "--build-arg", "NO_PROXY=mine", str(tmp_path), env=env)
    assert yard("run", "--rm", "proxied", "cat", "/proxies").out.splitlines() == [
        "HTTP_PROXY=http://192.0.2.1:3128",
        "NO_PROXY=mine",
        "http_proxy=http://192.0.2.1:3128",
        "no_proxy=mine",
    ]
    assert "3128" not in yard("inspect", "proxied").out + yard("history", "--no-trunc", "proxied").out


def test_a_broken_file_is_warned_of_once(yard: Sampan, tmp_path: Path) -> None:
    found = yard("run", "--rm", "-i", "busybox", "echo", "runs", env=written(tmp_path, "{"))
    assert found.out == "runs\n"
    assert [line[:35] for line in found.err.splitlines()] == ["WARNING: Error loading config file:"]
    listed = yard("ps", env=written(tmp_path, "[]"))
    assert listed.err.endswith("config.json is no object of JSON\n") and listed.out.startswith("CONTAINER ID")
    for odd in ("", '{"psFormat": 3, "proxies": []}', '{"proxies": {"default": {"httpProxy": 1}}}'):
        assert yard("run", "--rm", "busybox", "echo", "runs", env=written(tmp_path, odd)).err == ""
        assert yard("ps", env=written(tmp_path, odd)).err == ""


def test_the_platform_can_come_from_the_environment(yard: Sampan) -> None:
    refused = yard("run", "--rm", "busybox", "true", code=125, env={"DOCKER_DEFAULT_PLATFORM": "a/b/c/d"})
    assert 'error parsing specified platform: "a/b/c/d": cannot parse platform specifier' in refused.err
    yard("run", "--rm", "--platform", "linux", "busybox", "true", env={"DOCKER_DEFAULT_PLATFORM": "a/b/c/d"})
