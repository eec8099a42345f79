"""RUN --mount: from words to mounts that are decided. Pure.

Variables are expanded in every value but that of `from`, as in BuildKit; a relative target lies below WORKDIR.
"""

import posixpath
from collections.abc import Callable

from sampan.builder.plan.state import Globals, State, absolute
from sampan.builder.plan.steps import Mount
from sampan.dockerfile import mounts as written
from sampan.dockerfile import words
from sampan.dockerfile.mounts import MountError
from sampan.oci import reference

_AGENTS = "/run/buildkit/ssh_agent"
_MADE = {"secret": 0o400, "ssh": 0o600, "cache": 0o755}
"""Modes of what a mount makes, where it names none."""


def planned(texts: tuple[str, ...], state: State, around: Globals) -> tuple[Mount, ...]:
    """The mounts of one RUN, in its order. Raises InvalidArgument in BuildKit's words."""

    def expand(text: str) -> str:
        return words.expand(text, state.variables.get, around.escape)

    found: list[Mount] = []
    for text in texts:
        given = written.parse_mount(text, expand)
        agents = sum(mount.type == "ssh" for mount in found)
        found.append(_KINDS[given.type](given, state, around, agents))
    return tuple(found)


def _bind(given: written.Mount, state: State, around: Globals, agents: int) -> Mount:
    stage, image, context = _origin(given, around)
    return Mount(
        "bind",
        _target(given.target, state),
        source=posixpath.normpath("/" + given.source).replace("//", "/"),
        stage=stage,
        image=image,
        context=context,
        read_only=given.read_only,
    )


def _cache(given: written.Mount, state: State, around: Globals, agents: int) -> Mount:
    """A cache is told from others by its namespace and id, which is the target as written where it has none."""
    stage, image, context = _origin(given, around)
    namespace = around.build_args.get("BUILDKIT_CACHE_MOUNT_NS", "")
    if given.source and not given.from_:
        raise MountError(
            f"cache mount {given.target}: source={given.source} is a folder of from, which is not given",
            hint="add from=STAGE or from=IMAGE: the cache begins with what is there",
        )
    name = f"{namespace}/{given.id or posixpath.normpath(given.target)}"
    try:
        name.encode()
    except UnicodeEncodeError:
        raise MountError(f"the id of cache mount {given.target} is not UTF-8 text") from None
    return Mount(
        "cache",
        _target(given.target, state),
        source=posixpath.normpath("/" + given.source).replace("//", "/"),
        stage=stage,
        image=image,
        context=context,
        is_empty=not given.from_,
        read_only=given.read_only,
        id=name,
        sharing=given.sharing,
        mode=given.mode,
        uid=given.uid,
        gid=given.gid,
    )


def _tmpfs(given: written.Mount, state: State, around: Globals, agents: int) -> Mount:
    return Mount("tmpfs", _target(given.target, state), size_bytes=given.size_bytes, read_only=given.read_only)


def _secret(given: written.Mount, state: State, around: Globals, agents: int) -> Mount:
    target = _target(given.target, state) if given.target else ""
    return _made(given, target)._replace(env=given.env or "")


def _ssh(given: written.Mount, state: State, around: Globals, agents: int) -> Mount:
    """The first agent of a RUN is the one that SSH_AUTH_SOCK names."""
    target = _target(given.target, state) if given.target else f"{_AGENTS}.{agents}"
    return _made(given, target)._replace(env="" if agents else "SSH_AUTH_SOCK")


def _made(given: written.Mount, target: str) -> Mount:
    return Mount(
        given.type,
        target,
        id=given.id,
        required=given.required,
        mode=_MADE[given.type] if given.mode is None else given.mode,
        uid=given.uid or 0,
        gid=given.gid or 0,
        read_only=True,
    )


def _target(target: str, state: State) -> str:
    path = absolute(target, state.config.working_dir)
    if path == "/":
        raise MountError('invalid mount target "/"', hint="add target=PATH, the directory to mount on")
    return path


def _origin(given: written.Mount, around: Globals) -> tuple[int, str, str]:
    """(stage, image, context) that `from` names; none of them for the build context."""
    if not given.from_:
        return -1, "", ""
    origin = around.find_mounted(given.from_, given.target)
    if origin.image:
        reference.parse(origin.image)
    return -1 if origin.stage is None else origin.stage, origin.image, origin.context


_KINDS: dict[str, Callable[[written.Mount, State, Globals, int], Mount]] = {
    "bind": _bind,
    "cache": _cache,
    "tmpfs": _tmpfs,
    "secret": _secret,
    "ssh": _ssh,
}
