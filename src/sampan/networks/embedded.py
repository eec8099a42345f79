"""The sockets of a container's own name server, 127.0.0.11, in its network namespace.

Its programs ask port 53; two rules of the namespace send that to a port of ours, so that port 53 stays free for a
container that is a name server itself. The sockets are there before its first program, and queries wait in them.
"""

import fcntl
from _socket import AF_INET, SO_REUSEADDR, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, socket

from sampan.linux import netns, nftables
from sampan.networks.files import OWN_SERVER as ADDRESS

_PORT = 30011  # below the ports that the kernel gives to clients
_BACKLOG = 128
_SIOCGSKNS = 0x894C
_RULES = f"""\
add table ip sampan_names
delete table ip sampan_names
table ip sampan_names {{
  chain asked {{
    type nat hook output priority -100; policy accept;
    ip daddr {ADDRESS} udp dport 53 dnat to {ADDRESS}:{_PORT}
    ip daddr {ADDRESS} tcp dport 53 dnat to {ADDRESS}:{_PORT}
  }}
}}
"""


def open_sockets(namespace: int) -> tuple[int, int]:
    """Descriptors of the UDP socket and of the listening TCP socket in a network namespace, given as a descriptor.

    The rules are written anew where they are there already. Raises OSError (EADDRINUSE when a program has taken the
    port), SampanError.
    """

    def make() -> tuple[int, int]:
        datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
        stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
        try:
            datagrams.bind((ADDRESS, _PORT))
            # Connections of the supervisor before this one may linger.
            stream.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            stream.bind((ADDRESS, _PORT))
            stream.listen(_BACKLOG)
            nftables.run(_RULES)
        except BaseException:
            datagrams.close()
            stream.close()
            raise
        return datagrams.detach(), stream.detach()

    return netns.inside(namespace, make)


def namespace_of(descriptor: int) -> int:
    """A descriptor of the network namespace that a socket is in."""
    return fcntl.ioctl(descriptor, _SIOCGSKNS)
