"""The OCI image configuration (image-spec config.md) with Docker's additions (Healthcheck, Shell, OnBuild).

These stand on the start path of a container, so they are NamedTuples read from JSON by hand: decoders that import
dataclasses or msgspec cost more than a container's network.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sampan.errors import Corrupt
from sampan.values import NamedTuple

_DIGEST = r"sha256:[0-9a-f]{64}"


class HealthConfig(NamedTuple):
    """A HEALTHCHECK. `test` is () to inherit, ("NONE",), ("CMD", arg...) or ("CMD-SHELL", text). Durations in ns, 0
    = default."""

    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


class ContainerConfig(NamedTuple):
    """What an image says about the containers made from it: the `config` object of an image configuration.

    `cmd`, `entrypoint`, `shell` and `on_build` are None when unset; env is a tuple of "KEY=VALUE".
    `exposed_ports` are "80/tcp" forms and `volumes` absolute paths, both sorted by the one who makes them.
    `args_escaped` is BuildKit's mark that there was a CMD; on Linux it means nothing.
    """

    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    working_dir: str = ""
    labels: Mapping[str, str] = {}
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    healthcheck: HealthConfig | None = None
    shell: tuple[str, ...] | None = None
    on_build: tuple[str, ...] | None = None
    args_escaped: bool = False


class History(NamedTuple):
    """One entry of an image's history. `created` is RFC 3339 text, as stored."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class ImageConfig(NamedTuple):
    """A whole image configuration document. Its digest (of the bytes as stored) is the image's ID."""

    architecture: str
    os: str
    config: ContainerConfig
    diff_ids: tuple[str, ...]
    history: tuple[History, ...] = ()
    created: str = ""
    author: str = ""
    variant: str = ""


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Corrupt(f"image configuration: {where} must be a list of strings")
    return tuple(value)


def _optional_strings(value: Any, where: str) -> tuple[str, ...] | None:
    return None if value is None else _strings(value, where)


def _string(value: Any, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Corrupt(f"image configuration: {where} must be a string")
    return value


def _integer(value: Any, where: str) -> int:
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise Corrupt(f"image configuration: {where} must be a whole number")
    return value


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Corrupt(f"image configuration: {where} must be an object")
    return value


def health_from_json(document: Any) -> HealthConfig | None:
    """Read a `Healthcheck` object; None stays None. Raises Corrupt."""
    if document is None:
        return None
    fields = _mapping(document, "Healthcheck")
    return HealthConfig(
        test=_strings(fields.get("Test"), "Healthcheck.Test"),
        interval_ns=_integer(fields.get("Interval"), "Healthcheck.Interval"),
        timeout_ns=_integer(fields.get("Timeout"), "Healthcheck.Timeout"),
        start_period_ns=_integer(fields.get("StartPeriod"), "Healthcheck.StartPeriod"),
        start_interval_ns=_integer(fields.get("StartInterval"), "Healthcheck.StartInterval"),
        retries=_integer(fields.get("Retries"), "Healthcheck.Retries"),
    )


def health_to_json(health: HealthConfig) -> dict[str, Any]:
    """The `Healthcheck` object in Docker's shape: zero values are left out."""
    pairs = (
        ("Test", list(health.test)),
        ("Interval", health.interval_ns),
        ("Timeout", health.timeout_ns),
        ("StartPeriod", health.start_period_ns),
        ("StartInterval", health.start_interval_ns),
        ("Retries", health.retries),
    )
    return {key: value for key, value in pairs if value}


def container_config_from_json(document: Any) -> ContainerConfig:
    """Read the `config` object of an image configuration; missing keys are empty. Raises Corrupt."""
    fields = _mapping(document, "config")
    labels = _mapping(fields.get("Labels"), "Labels")
    return ContainerConfig(
        user=_string(fields.get("User"), "User"),
        env=_strings(fields.get("Env"), "Env"),
        entrypoint=_optional_strings(fields.get("Entrypoint"), "Entrypoint"),
        cmd=_optional_strings(fields.get("Cmd"), "Cmd"),
        working_dir=_string(fields.get("WorkingDir"), "WorkingDir"),
        labels={key: _string(value, f"label {key}") for key, value in labels.items()},
        exposed_ports=tuple(sorted(_mapping(fields.get("ExposedPorts"), "ExposedPorts"))),
        volumes=tuple(sorted(_mapping(fields.get("Volumes"), "Volumes"))),
        stop_signal=_string(fields.get("StopSignal"), "StopSignal"),
        healthcheck=health_from_json(fields.get("Healthcheck")),
        shell=_optional_strings(fields.get("Shell"), "Shell"),
        on_build=_optional_strings(fields.get("OnBuild"), "OnBuild"),
        args_escaped=bool(fields.get("ArgsEscaped")),
    )


def container_config_to_json(config: ContainerConfig) -> dict[str, Any]:
    """The `config` object in the shape that BuildKit writes: unset keys are left out."""
    document: dict[str, Any] = {}
    if config.user:
        document["User"] = config.user
    if config.exposed_ports:
        document["ExposedPorts"] = {port: {} for port in config.exposed_ports}
    if config.env:
        document["Env"] = list(config.env)
    if config.entrypoint is not None:
        document["Entrypoint"] = list(config.entrypoint)
    if config.cmd is not None:
        document["Cmd"] = list(config.cmd)
    if config.healthcheck is not None:
        document["Healthcheck"] = health_to_json(config.healthcheck)
    if config.args_escaped:
        document["ArgsEscaped"] = True
    if config.volumes:
        document["Volumes"] = {path: {} for path in config.volumes}
    document["WorkingDir"] = config.working_dir
    if config.on_build is not None:
        document["OnBuild"] = list(config.on_build)
    if config.labels:
        document["Labels"] = dict(config.labels)
    if config.stop_signal:
        document["StopSignal"] = config.stop_signal
    if config.shell is not None:
        document["Shell"] = list(config.shell)
    return document


def image_config_from_json(document: Any) -> ImageConfig:
    """Read an image configuration document. Raises Corrupt where a field has the wrong type or a diff ID is
    malformed."""
    fields = _mapping(document, "document")
    rootfs = _mapping(fields.get("rootfs"), "rootfs")
    diff_ids = _strings(rootfs.get("diff_ids"), "rootfs.diff_ids")
    for diff_id in diff_ids:
        if not re.fullmatch(_DIGEST, diff_id):
            raise Corrupt(f"image configuration: {diff_id!r} is not a sha256 digest")
    history = fields.get("history") or []
    if not isinstance(history, Sequence) or isinstance(history, str):
        raise Corrupt("image configuration: history must be a list")
    return ImageConfig(
        architecture=_string(fields.get("architecture"), "architecture"),
        os=_string(fields.get("os"), "os"),
        variant=_string(fields.get("variant"), "variant"),
        config=container_config_from_json(fields.get("config")),
        diff_ids=diff_ids,
        history=tuple(_history_from_json(entry) for entry in history),
        created=_string(fields.get("created"), "created"),
        author=_string(fields.get("author"), "author"),
    )


def _history_from_json(document: Any) -> History:
    fields = _mapping(document, "history entry")
    return History(
        created=_string(fields.get("created"), "history.created"),
        created_by=_string(fields.get("created_by"), "history.created_by"),
        author=_string(fields.get("author"), "history.author"),
        comment=_string(fields.get("comment"), "history.comment"),
        empty_layer=bool(fields.get("empty_layer", False)),
    )


def image_config_to_json(image: ImageConfig) -> dict[str, Any]:
    """The document to be stored; `json.dumps(..., separators=(",", ":"))` of it, in UTF-8, is what the image's ID is
    the digest of."""
    document: dict[str, Any] = {"architecture": image.architecture}
    if image.author:
        document["author"] = image.author
    document["config"] = container_config_to_json(image.config)
    if image.created:
        document["created"] = image.created
    document["history"] = [_history_to_json(entry) for entry in image.history]
    document["os"] = image.os
    document["rootfs"] = {"type": "layers", "diff_ids": list(image.diff_ids)}
    if image.variant:
        document["variant"] = image.variant
    return document


def _history_to_json(entry: History) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in (
        ("created", entry.created),
        ("created_by", entry.created_by),
        ("author", entry.author),
        ("comment", entry.comment),
        ("empty_layer", entry.empty_layer),
    ):
        if value:
            document[key] = value
    return document
