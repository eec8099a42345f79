"""Options of the local driver, `volume create -o type=... -o device=... -o o=...`: read and judged, nothing mounted."""

from collections.abc import Callable, Mapping

from sampan.errors import InvalidArgument, Unavailable, Unsupported
from sampan.linux import syscall
from sampan.values import NamedTuple

_KNOWN = ("device", "o", "size", "type")
_REQUIRED = {"device": ("type",), "o": ("device", "type"), "type": ("device",)}
_NETWORK_TYPES = ("cifs", "nfs", "nfs4")
_SIZE_HINT = "for a volume in memory: -o type=tmpfs -o device=tmpfs -o o=size=64m"
# Words of mount(8) that are flags of mount(2): (flags to set, flags to take away).
_FLAGS: dict[str, tuple[int, int]] = {
    "async": (0, 16),
    "atime": (0, 1024),
    "bind": (syscall.MS_BIND, 0),
    "defaults": (0, 0),
    "dev": (0, syscall.MS_NODEV),
    "diratime": (0, 2048),
    "dirsync": (128, 0),
    "exec": (0, syscall.MS_NOEXEC),
    "noatime": (1024, 0),
    "nodev": (syscall.MS_NODEV, 0),
    "nodiratime": (2048, 0),
    "noexec": (syscall.MS_NOEXEC, 0),
    "norelatime": (0, 1 << 21),
    "nostrictatime": (0, 1 << 24),
    "nosuid": (syscall.MS_NOSUID, 0),
    "private": (syscall.MS_PRIVATE, 0),
    "rbind": (syscall.MS_BIND | syscall.MS_REC, 0),
    "relatime": (1 << 21, 0),
    "ro": (syscall.MS_RDONLY, 0),
    "rprivate": (syscall.MS_PRIVATE | syscall.MS_REC, 0),
    "rshared": (syscall.MS_SHARED | syscall.MS_REC, 0),
    "rslave": (syscall.MS_SLAVE | syscall.MS_REC, 0),
    "rw": (0, syscall.MS_RDONLY),
    "shared": (syscall.MS_SHARED, 0),
    "slave": (syscall.MS_SLAVE, 0),
    "strictatime": (1 << 24, 0),
    "suid": (0, syscall.MS_NOSUID),
    "sync": (16, 0),
}
PROPAGATION = syscall.MS_PRIVATE | syscall.MS_SLAVE | syscall.MS_SHARED


class MountCall(NamedTuple):
    """The arguments of mount(2); propagation flags are among `flags` and need a call of their own."""

    device: str
    filesystem: str
    flags: int
    data: str


def check(name: str, options: Mapping[str, str]) -> None:
    """Raises InvalidArgument and Unsupported in Docker's words; `name` is the volume's."""
    for key in options:
        if key not in _KNOWN:
            raise InvalidArgument(f'create {name}: invalid option: "{key}"', hint="the options are device, o and type")
    for key in options:
        for other in _REQUIRED.get(key, ()):
            if other not in options:
                raise InvalidArgument(
                    f'create {name}: missing required option: "{other}"',
                    hint="for example: -o type=tmpfs -o device=tmpfs -o o=size=64m",
                )
    if options.get("size", "0") not in ("", "0"):
        raise Unsupported(f"create {name}: quota size requested but no quota support", hint=_SIZE_HINT)


def is_mounted(options: Mapping[str, str]) -> bool:
    """Whether a volume with these options is a file system of its own rather than a folder of the store."""
    return bool(options.get("type") or options.get("device"))


def is_memory(options: Mapping[str, str]) -> bool:
    """Whether each mount would be an empty file system of its own: one that is mounted has to be shared."""
    return options.get("type") in ("tmpfs", "ramfs")


def is_read_only(options: Mapping[str, str]) -> bool:
    """Whether nothing can be written to a volume with these options."""
    flags = 0
    for word in options.get("o", "").split(","):
        on, off = _FLAGS.get(word, (0, 0))
        flags = (flags | on) & ~off
    return bool(flags & syscall.MS_RDONLY)


def mount_call(options: Mapping[str, str], resolve: Callable[[str], str]) -> MountCall:
    """What mounts such a volume. `resolve` gives the address of a host name: the kernel takes none for a server.

    Raises Unavailable for a name without an address, InvalidArgument without a device.
    """
    device, words = options.get("device", ""), options.get("o", "")
    if not device:
        raise InvalidArgument(
            "missing device in volume options", hint="remove the volume and make it with -o device=..."
        )
    if options.get("type") in _NETWORK_TYPES:
        words = _with_address(words, resolve)
    flags, data = 0, []
    for word in words.split(",") if words else ():
        if word in _FLAGS:
            on, off = _FLAGS[word]
            flags = (flags | on) & ~off
        else:
            data.append(word)
    return MountCall(device, options.get("type", ""), flags, ",".join(data))


def _with_address(words: str, resolve: Callable[[str], str]) -> str:
    parts = words.split(",")
    for number, word in enumerate(parts):
        key, equals, host = word.partition("=")
        if key == "addr" and equals:
            try:
                parts[number] = "addr=" + resolve(host)
            except OSError as error:
                raise Unavailable(
                    f"error resolving passed in network volume address: lookup {host}: {error.strerror or error}",
                    hint="give the server's address in place of its name",
                ) from error
    return ",".join(parts)


def failure(call: MountCall, target: str, flags: int, error: OSError) -> str:
    """What Docker says when the kernel refuses; a password among the options is not told."""
    data = ",".join("password=********" if word.startswith("password=") else word for word in call.data.split(","))
    text = f"mount {call.device}:{target}"
    if flags:
        text += f", flags: {flags:#x}"
    if data:
        text += f", data: {data}"
    return f"{text}: {(error.strerror or str(error)).lower()}"
