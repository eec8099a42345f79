"""RUN --mount=type=ssh: a socket in the step that leads to an agent of the host.

The agent's own socket is not shown: it belongs to another user, and what is asked of it ends with the step. Keys in
files are served by OpenSSH's own agent, which lives as long as the build.
"""

import errno
import os
import select
import socket
import stat
import threading
from collections.abc import Sequence

from sampan.builder.options import Agent
from sampan.errors import InvalidArgument, Unavailable
from sampan.linux import process

_LARGEST_KEY = 100 << 10
_CHUNK = 1 << 16
_SERVE = 'ssh-agent -D -a "$0" & cat; kill $!; wait'  # the pipe to cat ends with us


def check(given: Sequence[Agent]) -> None:
    """Raises InvalidArgument, in buildx's words, for a path that is neither a socket nor a private key."""
    for agent in given:
        prefix = f"failed to convert agent config {{{agent.id} [{' '.join(agent.paths)}] false}}: "
        if not agent.paths:
            raise InvalidArgument(
                prefix + "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set",
                hint=f"start an agent, or name a key: --ssh {agent.id}=PATH",
            )
        for path in agent.paths:
            reason = _unfit(path)
            if reason:
                raise InvalidArgument(f'{prefix}failed to convert agent config for ID: "{agent.id}": {reason}')
        if len(agent.paths) > 1 and any(_is_socket(path) for path in agent.paths):
            raise InvalidArgument(prefix + "only single socket allowed")


def _unfit(path: str) -> str:
    """Why a path can be neither an agent nor a key, "" when it can."""
    try:
        info = os.stat(path)
    except OSError as error:
        return f"stat {path}: {(error.strerror or '').lower()}"
    if stat.S_ISSOCK(info.st_mode):
        return ""
    if not stat.S_ISREG(info.st_mode) or info.st_size > _LARGEST_KEY:
        return f"failed to parse {path}: ssh: no key found"
    with open(path, "rb") as file:
        return "" if b"PRIVATE KEY-----" in file.read(_LARGEST_KEY) else f"failed to parse {path}: ssh: no key found"


def _is_socket(path: str) -> bool:
    return stat.S_ISSOCK(os.stat(path).st_mode)


class Agents:
    """What a build was given by --ssh. May be used by any thread; close() it."""

    def __init__(self, given: Sequence[Agent]) -> None:
        self._given = {agent.id: agent for agent in given}
        self._served: dict[str, _KeyAgent] = {}
        self._lock = threading.Lock()

    def has(self, agent_id: str) -> bool:
        return agent_id in self._given

    def path(self, agent_id: str, folder: str) -> str:
        """The socket of an agent; one for keys is started in `folder`, which is nobody else's. Raises Unavailable,
        InvalidArgument."""
        agent = self._given[agent_id]
        if _is_socket(agent.paths[0]):
            return agent.paths[0]
        with self._lock:
            if agent_id not in self._served:
                self._served[agent_id] = _KeyAgent(agent, folder)
            return self._served[agent_id].path

    def close(self) -> None:
        for served in self._served.values():
            served.close()
        self._served.clear()


class _KeyAgent:
    """OpenSSH's agent with keys from files. It ends when the pipe to it is closed: also when we are killed."""

    def __init__(self, agent: Agent, folder: str) -> None:
        import shutil

        if not shutil.which("ssh-agent") or not shutil.which("ssh-add"):
            raise Unavailable(
                f"--ssh {agent.id}={agent.paths[0]}: keys need an agent, and ssh-agent is not installed",
                hint="install openssh-client, or give the socket of an agent that runs",
            )
        reader, self._writer = os.pipe2(os.O_CLOEXEC)
        # A folder's descriptor stands for its path: the name of a socket may not be long.
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self._folder}/agent"
        self._pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _SERVE, self.path],
            {"PATH": os.environ.get("PATH", os.defpath)},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reader, 0),
                (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
            ],
        )
        os.close(reader)
        try:
            self._add(agent)
        except BaseException:
            self.close()
            raise

    def _add(self, agent: Agent) -> None:
        for _ in range(200):
            if os.path.exists(self.path):
                break
            select.select([], [], [], 0.01)
        for path in agent.paths:
            command = [
                "env",
                f"SSH_AUTH_SOCK={self.path}",
                "SSH_ASKPASS_REQUIRE=never",
                "setsid",
                "ssh-add",
                "-q",
                path,
            ]
            code, _, text = process.run(command, timeout_seconds=60)
            if code != 0:
                is_locked = "passphrase" in text.lower() or not text.strip()
                reason = "ssh: this private key is passphrase protected" if is_locked else text.strip().split("\n")[-1]
                raise InvalidArgument(
                    f"failed to parse {path}: {reason}", hint="add it to an agent (ssh-add), and give --ssh default"
                )

    def close(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            os.waitpid(self._pid, 0)
            os.close(self._folder)
        self._writer = -1


class Forward:
    """A listening socket in a folder; what connects to it talks with the agent at `agent`, until close()."""

    def __init__(self, folder: str, name: str, agent: str, mode: int, uid: int, gid: int) -> None:
        self._agent = agent
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stopped, self._stop = os.pipe2(os.O_CLOEXEC)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._listener.bind(f"/proc/self/fd/{directory}/{name}")
            os.chown(name, uid, gid, dir_fd=directory)
            os.chmod(name, mode, dir_fd=directory)
        finally:
            os.close(directory)
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve, name="ssh", daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._stop)
        self._thread.join()
        self._listener.close()
        os.close(self._stopped)

    def _serve(self) -> None:
        """All connections in one thread: a step has few, and an agent answers at once."""
        peers: dict[socket.socket, socket.socket] = {}
        while True:
            waiting: list[socket.socket | int] = [self._listener, self._stopped, *peers]
            ready, _, _ = select.select(waiting, [], [])
            if self._stopped in ready:
                break
            for one in ready:
                if one is self._listener:
                    self._accept(peers)
                elif isinstance(one, socket.socket) and one in peers and not _pass_on(one, peers[one]):
                    other = peers.pop(one)
                    peers.pop(other, None)
                    one.close()
                    other.close()
        for one in peers:
            one.close()

    def _accept(self, peers: dict[socket.socket, socket.socket]) -> None:
        inside, _ = self._listener.accept()
        outside = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            outside.connect(self._agent)
        except OSError:
            inside.close()
            outside.close()
            return  # the step's program tells that no agent answers
        peers[inside], peers[outside] = outside, inside


def _pass_on(source: socket.socket, target: socket.socket) -> bool:
    """Hand over what can be read; False at the end of either."""
    try:
        data = source.recv(_CHUNK)
        if data:
            target.sendall(data)
        return bool(data)
    except OSError as error:
        if error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
            return False
        raise
