"""Options of `sampan build` for what a RUN may have: secrets, agents, entitlements, hosts, limits."""

import os

from sampan.builder.options import Agent, BuildOptions, Secret
from sampan.cli.errors import ClientError
from sampan.cli.flags import Parsed
from sampan.cli.values.addresses import read_extra_host
from sampan.containers.options import Ulimit

_ENTITLEMENTS = ("network.host", "security.insecure")


def with_permissions(options: BuildOptions, parsed: Parsed) -> BuildOptions:
    """The build with what these options say. Raises ClientError in buildx's words."""
    allowed = _allowed(parsed.strings("allow"))
    if options.network == "host":  # who asks for it on the command line allows it
        allowed = tuple(dict.fromkeys((*allowed, "network.host")))
    return options._replace(
        allow=allowed,
        add_hosts=tuple(_host(text) for text in parsed.strings("add-host")),
        secrets=tuple(secret for text in parsed.strings("secret") if (secret := _secret(text)) is not None),
        agents=tuple(_agent(text) for text in parsed.strings("ssh")),
        shm_bytes=parsed.integer("shm-size"),
        ulimits=tuple((limit.name, limit.soft, limit.hard) for limit in parsed.items("ulimit", Ulimit)),
        cgroup_parent=_cgroup_parent(parsed.string("cgroup-parent")),
    )


def _allowed(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in _ENTITLEMENTS:
            raise ClientError(
                f"ERROR: failed to build: unknown entitlement {name}", hint="known are " + ", ".join(_ENTITLEMENTS)
            )
    return names


def _host(text: str) -> tuple[str, str]:
    try:
        name, _, address = read_extra_host(text).partition(":")
    except ValueError as error:
        raise ClientError(
            f"ERROR: failed to build: invalid host {text}", hint="write --add-host NAME:IP, such as db:10.0.0.2"
        ) from error
    return name, address


def _cgroup_parent(text: str) -> str:
    if not text:
        return ""
    if ".." in text.split("/") or text.endswith(".slice"):
        raise ClientError(
            f"ERROR: failed to build: --cgroup-parent {text} is no path of cgroups",
            hint="such as /builds; slices of systemd are not used",
        )
    return "/" + text.strip("/")


def _secret(text: str) -> Secret | None:
    """id=ID[,src=PATH|,env=NAME][,type=file|env]; without either the variable of that name, or else the file."""
    found = {"id": "", "path": "", "env": "", "type": ""}
    for key, value in _fields(text):
        if key == "type":
            if value not in ("file", "env"):
                raise ClientError(f'ERROR: unsupported secret type "{value}"', hint="file or env")
            found["type"] = value
        elif key in ("id", "env"):
            found[key] = value
        elif key in ("source", "src"):
            found["path"] = value
        else:
            raise ClientError(
                f"ERROR: unexpected key '{key}' in '{key}={value}'", hint="write --secret id=NAME,src=PATH"
            )
    if found["type"] == "env" and not found["env"]:
        found["env"], found["path"] = found["path"], ""
    if not text:
        return None
    if not found["id"]:
        raise ClientError("ERROR: failed to build: secret missing ID", hint="write --secret id=NAME,src=PATH")
    if not found["env"] and not found["path"]:
        found["env" if found["id"] in os.environ else "path"] = found["id"]
    return Secret(found["id"], "" if found["env"] else found["path"], found["env"])


def _fields(text: str) -> list[tuple[str, str]]:
    """The fields of a comma-separated list, keys in lower case. Raises ClientError."""
    from csv import reader

    fields = []
    for field in next(iter(reader([text])), []):
        key, equals, value = field.partition("=")
        if not equals:
            raise ClientError(
                f"ERROR: invalid field '{field}' must be a key=value pair", hint="write --secret id=NAME,src=PATH"
            )
        fields.append((key.lower(), value))
    return fields


def _agent(text: str) -> Agent:
    """default, or ID=PATH[,PATH]; without a path the agent of $SSH_AUTH_SOCK."""
    name, _, paths = text.partition("=")
    given = tuple(path for path in paths.split(",") if path) or (os.environ.get("SSH_AUTH_SOCK", ""),)
    return Agent(name or "default", tuple(path for path in given if path))
