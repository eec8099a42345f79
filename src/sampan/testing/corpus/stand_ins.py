"""Images by the names that everybody builds on, made of busybox and scripts: configured as the real ones are."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.testing import busybox
from sampan.testing.command import Sampan
from sampan.testing.corpus.facts import Base
from sampan.testing.corpus.stored import PROGRAMS

_CREATED = "2020-01-01T00:00:00Z"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL = ["/bin/sh"]


class StandIn(NamedTuple):
    """An image: its groups of programs in bin, files by path, and its configuration."""

    groups: tuple[str, ...] = ()
    bin: str = "usr/local/bin"
    files: Mapping[str, str] = {}
    config: Mapping[str, Any] = {}


def _config(*env: str, path: str = _PATH, **others: Any) -> Mapping[str, Any]:
    return {"Env": [path, *env], "Cmd": _SHELL, **others}


_PYTHON = _config("LANG=C.UTF-8", "PYTHON_VERSION=3.12.7", Cmd=["python3"])
_NODE = _config("NODE_VERSION=22.11.0", "YARN_VERSION=1.22.22", Cmd=["node"], Entrypoint=["docker-entrypoint.sh"])
_GO = _config(
    "GOLANG_VERSION=1.23.3", "GOTOOLCHAIN=local", "GOPATH=/go", path="PATH=/go/bin:/usr/local/go/bin:" + _PATH[5:],
    WorkingDir="/go", Cmd=["bash"],
)  # fmt: skip
_RUST = _config("RUSTUP_HOME=/usr/local/rustup", "CARGO_HOME=/usr/local/cargo", "RUST_VERSION=1.82.0", Cmd=None)
_PHP = _config("PHP_INI_DIR=/usr/local/etc/php", Entrypoint=["docker-php-entrypoint"], StopSignal="SIGQUIT")
_NGINX = _config(
    "NGINX_VERSION=1.27.2", Cmd=["nginx", "-g", "daemon off;"], Entrypoint=["/docker-entrypoint.sh"],
    ExposedPorts={"80/tcp": {}}, StopSignal="SIGQUIT", Labels={"maintainer": "NGINX Docker Maintainers"},
)  # fmt: skip
_NGINX_FILES = {
    "etc/nginx/nginx.conf": "user nginx;\n",
    "etc/nginx/conf.d/default.conf": "server { listen 80; }\n",
    "usr/share/nginx/html/index.html": "<h1>Welcome</h1>\n",
    "docker-entrypoint.sh": '#!/bin/sh\nexec "$@"\n',
}

STAND_INS: Mapping[str, StandIn] = {
    "alpine:3.20": StandIn(("alpine",), "sbin", {"etc/alpine-release": "3.20.3\n"}, _config()),
    "debian:bookworm-slim": StandIn(
        ("debian",),
        "usr/bin",
        {"etc/debian_version": "12.8\n", "var/lib/dpkg/status": ""},
        _config(path=_PATH, Cmd=["bash"]),
    ),
    "python:3.12-slim": StandIn(("python", "debian"), config=_PYTHON),
    "python:3.12": StandIn(("python", "debian", "c"), config=_PYTHON),
    "node:22": StandIn(("node", "debian"), files={"home/node/.profile": ""}, config=_NODE),
    "node:22-alpine": StandIn(("node", "alpine"), files={"home/node/.profile": ""}, config=_NODE),
    "golang:1.23": StandIn(("go", "debian", "c"), files={"go/src/.keep": ""}, config=_GO),
    "maven:3.9-eclipse-temurin-21": StandIn(
        ("java", "jvm"), "usr/bin", config=_config("MAVEN_HOME=/usr/share/maven", Cmd=["mvn"])
    ),
    "gradle:8-jdk21": StandIn(
        ("java", "jvm"), "usr/bin", config=_config("GRADLE_HOME=/opt/gradle", WorkingDir="/home/gradle")
    ),
    "eclipse-temurin:21-jre": StandIn(("jvm", "debian"), "usr/bin", config=_config("JAVA_HOME=/opt/java/openjdk")),
    "rust:1.82": StandIn(("rust", "debian", "c"), files={"usr/local/cargo/bin/.keep": ""}, config=_RUST),
    "ruby:3.3-slim": StandIn(
        ("ruby", "debian"), config=_config("LANG=C.UTF-8", "BUNDLE_SILENCE_ROOT_WARNING=1", Cmd=["irb"])
    ),
    "php:8.3-fpm": StandIn(
        ("php", "debian"),
        files={"var/www/html/.keep": ""},
        config={**_PHP, "Cmd": ["php-fpm"], "WorkingDir": "/var/www/html", "ExposedPorts": {"9000/tcp": {}}},
    ),
    "composer:2": StandIn(
        ("php",), "usr/bin", config=_config("COMPOSER_HOME=/tmp", WorkingDir="/app", Cmd=["composer"])
    ),
    "gcc:14": StandIn(("c", "debian"), config=_config("GCC_VERSION=14.2.0", Cmd=["bash"])),
    "nginx:1.27-alpine": StandIn(("nginx", "alpine"), "usr/sbin", _NGINX_FILES, _NGINX),
    "company/onbuild:1": StandIn(
        ("python",),
        config={
            **_PYTHON,
            "WorkingDir": "/srv/app",
            "OnBuild": ["COPY requirements.txt ./", "RUN pip install --no-cache-dir -r requirements.txt", "COPY . ."],
        },
    ),
    "company/rich:2": StandIn(
        ("debian",),
        "usr/bin",
        {"etc/motd": "welcome\n", "opt/rich/data/one": "1\n", "opt/rich/data/two": "2\n"},
        _config(
            "HOME_PAGE=https://example.test",
            "EMPTY=",
            User="www-data",
            WorkingDir="/opt/rich",
            Volumes={"/opt/rich/data": {}},
            Healthcheck={"Test": ["CMD-SHELL", "true"], "Interval": 30_000_000_000, "Retries": 5},
            Shell=["/bin/sh", "-ec"],
            Labels={"vendor": "company", "version": "2"},
            ExposedPorts={"8080/tcp": {}},
            StopSignal="SIGINT",
            Entrypoint=["/bin/sh", "-c"],
            Cmd=["date"],
        ),
    ),
}


def archive() -> bytes:
    """A `docker save` archive of all stand-ins; each has the layer of busybox below its own."""
    layers = {"busybox": busybox.rootfs()}
    blobs: dict[str, bytes] = {}
    manifests = []
    for name, image in STAND_INS.items():
        own = _layer(image)
        config = json.dumps(_document(image, [layers["busybox"], own]), sort_keys=True).encode()
        blobs[_path(config, ".json")] = config
        names = []
        for layer in (layers["busybox"], own):
            blobs[_path(layer, "/layer.tar")] = layer
            names.append(_path(layer, "/layer.tar"))
        manifests.append({"Config": _path(config, ".json"), "RepoTags": [name], "Layers": names})
    blobs["manifest.json"] = json.dumps(manifests).encode()
    return _tar([(path, content, 0o644) for path, content in blobs.items()])


def load(sampan: Sampan) -> None:
    """Bring them into a root."""
    path = sampan.root + ".stand-ins.tar"
    with open(path, "wb") as file:
        file.write(archive())
    sampan("load", "-q", "-i", path)
    os.unlink(path)


def bases() -> list[Base]:
    """What images that are made from a stand-in begin with; `scratch` is no base."""
    first = _diff_id(busybox.rootfs())
    return [Base((first, _diff_id(_layer(image))), 2) for image in STAND_INS.values()]


def programs() -> dict[str, str]:
    """Contents that are this host's, by their SHA-256: the names that stand for them."""
    with open(busybox.PROGRAM, "rb") as file:
        return {hashlib.sha256(file.read()).hexdigest(): "busybox"}


def _document(image: StandIn, layers: Sequence[bytes]) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": _CREATED,
        "config": {key: value for key, value in image.config.items() if value is not None},
        "rootfs": {"type": "layers", "diff_ids": [_diff_id(layer) for layer in layers]},
        "history": [{"created": _CREATED, "created_by": "busybox"}, {"created": _CREATED, "created_by": "programs"}],
    }


def _layer(image: StandIn) -> bytes:
    files = [(path, text.encode(), 0o755 if path.endswith(".sh") else 0o644) for path, text in image.files.items()]
    for group in image.groups:
        for name in sorted(os.listdir(os.path.join(PROGRAMS, group))):
            with open(os.path.join(PROGRAMS, group, name), "rb") as file:
                files.append((f"{image.bin}/{name}", file.read(), 0o755))
    return _tar(files)


def _tar(files: Sequence[tuple[str, bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    folders: set[str] = set()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content, mode in files:
            parts = path.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth])
                if folder not in folders and folder not in ("bin", "etc", "home", "var", "var/www", "root"):
                    folders.add(folder)
                    entry = tarfile.TarInfo(folder)
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(entry)
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _path(content: bytes, end: str) -> str:
    return hashlib.sha256(content).hexdigest() + end


def _diff_id(layer: bytes) -> str:
    return "sha256:" + hashlib.sha256(layer).hexdigest()
