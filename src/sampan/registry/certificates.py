"""TLS to a registry: whose signature on its certificate is taken, and which certificate it is shown.

As Docker has it, below certs.d/HOST:PORT or certs.d/HOST: *.crt are authorities that are trusted besides the system's,
X.cert with X.key is the client's own. Looked for in ~/.config/sampan, ~/.docker, /etc/sampan, /etc/docker and
/etc/containers; the first of them that has a folder for the registry is taken.
"""

import os
from typing import TYPE_CHECKING

from sampan.errors import InvalidArgument, Unavailable
from sampan.settings.docker_config import default_folder

if TYPE_CHECKING:
    import ssl

_SYSTEM = ("/etc/sampan", "/etc/docker", "/etc/containers")


def folders() -> tuple[str, ...]:
    """Where certs.d may be, the person's own before the system's."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    own = (f"{home}/sampan", default_folder())
    return tuple(f"{folder}/certs.d" for folder in (*own, *_SYSTEM))


def folder_of(host: str, places: tuple[str, ...]) -> str:
    """The folder with a host's certificates, "" when there is none. `host` is host[:port], and comes from outside."""
    if "/" in host or host.startswith("."):
        return ""
    names = (host, host.partition(":")[0]) if not host.startswith("[") else (host,)
    for place in places:
        for name in names:
            if os.path.isdir(f"{place}/{name}"):
                return f"{place}/{name}"
    return ""


def context(host: str, places: tuple[str, ...], *, is_verified: bool) -> "ssl.SSLContext":
    """The TLS of connections to a host. Raises InvalidArgument with the file that cannot be used."""
    import ssl

    made = ssl.create_default_context()
    if not is_verified:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    folder = folder_of(host, places)
    if not folder:
        return made
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise Unavailable(f"the certificates in {folder} cannot be read: {error.strerror}") from error
    for name in names:
        path = f"{folder}/{name}"
        try:
            if name.endswith(".crt"):
                made.load_verify_locations(path)
            elif name.endswith(".cert"):
                key = path.removesuffix(".cert") + ".key"
                if not os.path.exists(key):
                    raise InvalidArgument(
                        f"missing key {os.path.basename(key)} for client certificate {name}."
                        " CA certificates must use the extension .crt",
                        hint=f"look in {folder}",
                    )
                made.load_cert_chain(path, key, password=_no_password)
            elif name.endswith(".key") and not os.path.exists(path.removesuffix(".key") + ".cert"):
                raise InvalidArgument(
                    f"missing client certificate {name.removesuffix('.key')}.cert for key {name}",
                    hint=f"look in {folder}",
                )
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "reason", "") or error.strerror or str(error)
            raise InvalidArgument(f"the certificate {path} cannot be used: {reason}") from error
    return made


def _no_password() -> str:
    """A key that wants a password would have OpenSSL ask on the terminal."""
    return ""
