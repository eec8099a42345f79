"""Git repositories: which commit a name stands for, and the files of a commit.

The `git` program does it, with nothing of this host's configuration, and with what a repository may not decide turned
off: hooks, file systems watched by programs, protocols that run or read what is here. A URL and a name never stand
where an option could (they are checked in `plan/remote`, and follow --).
"""

import os
import re
from typing import NamedTuple

from sampan.builder.plan.remote import redacted
from sampan.builder.plan.steps import Remote
from sampan.errors import InvalidArgument, NotFound, Unavailable
from sampan.linux import files, isolated

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.http.allow=always",
    "protocol.ssh.allow=always",
    "protocol.git.allow=always",
    "fetch.fsckObjects=true",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
    "safe.bareRepository=explicit",
)
_SILENCE = 60  # seconds without progress that a transfer over http is given
_LONGEST = 1800
_MEMORY = 2 << 30  # bytes that git may take: a server can name refs without an end
_PASSED = ("PATH", "USER", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Access(NamedTuple):
    """What a repository may be shown: `authorization` is a header for https, `agent` the socket of an SSH agent ("" for
    none). Keys in ~/.ssh are offered only when `has_own_keys`."""

    authorization: str = ""
    agent: str = ""
    has_own_keys: bool = False


NO_ACCESS = Access()


def is_ssh(url: str) -> bool:
    """Whether a repository is reached by ssh."""
    return url.startswith("ssh://") or "://" not in url


def is_commit(ref: str) -> bool:
    """Whether a name is a whole commit, which needs no look at the repository."""
    return _COMMIT.fullmatch(ref) is not None


def commit_of(remote: Remote, access: Access = NO_ACCESS) -> str:
    """The commit that a source means. Raises NotFound, InvalidArgument for a commit other than its checksum,
    Unavailable."""
    commit = remote.ref if is_commit(remote.ref) else _named(remote, access)
    if not commit.startswith(remote.checksum):
        raise InvalidArgument(
            f"expected checksum to match {remote.checksum}, got {commit}",
            hint="the branch or tag moved: look at what changed, then give the new commit",
        )
    return commit


def _named(remote: Remote, access: Access) -> str:
    ref = remote.ref or "HEAD"
    out = _git("/", ("ls-remote", "--", remote.url, ref, f"{ref}^{{}}"), remote, access)
    found: dict[str, str] = {}
    for line in out.splitlines():
        commit, _, name = line.partition("\t")
        found[name] = commit
    for name in (f"{ref}^{{}}", ref, f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}"):
        if _COMMIT.fullmatch(found.get(name, "")):
            return found[name]
    raise NotFound(
        f"repository does not contain ref {ref}", hint="give a branch, a tag, or all 40 digits of a commit after #"
    )


def fetch(remote: Remote, commit: str, folder: str, access: Access = NO_ACCESS) -> None:
    """Lay the files of a commit out in an empty folder, with those of its submodules. Raises NotFound for a commit or
    a `subdir` that is not there, Unavailable."""
    _git(folder, ("init", "-q"), remote, access)
    _git(folder, ("remote", "add", "--", "origin", remote.url), remote, access)
    try:
        _git(folder, ("fetch", "-q", "--no-tags", "--depth=1", "--", "origin", commit), remote, access)
    except Unavailable:
        # A server that gives no single commit, or no part of a history, gives all.
        everything = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        _git(folder, ("fetch", "-q", "--", "origin", *everything), remote, access)
    _git(folder, ("checkout", "-q", "--detach", commit), remote, access)
    if remote.submodules and os.path.lexists(f"{folder}/.gitmodules"):
        _git(folder, ("submodule", "update", "-q", "--init", "--recursive", "--depth=1"), remote, access)
    if not remote.keep_git_dir:
        _without_history(folder)


def _without_history(folder: str) -> None:
    """Remove .git, and the files of that name that submodules have."""
    files.remove_below(folder, ".git")
    for path, folders, names in os.walk(folder):  # os.walk() follows no link
        if ".git" in names or ".git" in folders:
            files.remove_below(path, ".git")


def _git(folder: str, arguments: tuple[str, ...], remote: Remote, access: Access) -> str:
    """What git prints. Raises Unavailable with what it said, as its last words."""
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    try:
        code, out, err = isolated.run(
            ("git", *settings, *arguments),
            environment=_environment(remote.url, access),
            folder=folder,
            timeout_seconds=_LONGEST,
            memory_bytes=_MEMORY,
        )
    except FileNotFoundError as error:
        raise Unavailable(
            f"{redacted(remote.url)} is a git repository, and there is no git here",
            hint="install it: apt-get install git",
        ) from error
    if code != 0:
        said = [line for line in err.splitlines() if line.strip()][-3:]
        reason = redacted("; ".join(said)) or f"exit code {code}"
        raise Unavailable(f"failed to fetch {redacted(remote.url)}: {reason}", hint=_hint(remote, err))
    return out


def _environment(url: str, access: Access) -> dict[str, str]:
    """git's whole environment: nothing asks on a terminal, nothing is read from settings of this host."""
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        environment |= {spelled: os.environ[spelled] for spelled in (name, name.lower()) if spelled in os.environ}
    environment |= {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:git",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=30",
        "GIT_HTTP_LOW_SPEED_LIMIT": "1",
        "GIT_HTTP_LOW_SPEED_TIME": str(_SILENCE),
    }
    if access.agent:
        environment["SSH_AUTH_SOCK"] = access.agent
    if not access.has_own_keys:
        environment["GIT_SSH_COMMAND"] += " -o IdentityFile=none"
    if access.authorization and url.startswith("https://"):
        # By the environment: arguments can be read by everyone on this host.
        host = "/".join(url.split("/", 3)[:3])
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{host}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: {access.authorization}",
        }
    return environment


def _hint(remote: Remote, said: str) -> str:
    if "could not read Username" in said or "Authentication failed" in said:
        return "give a token: --secret id=GIT_AUTH_TOKEN,env=GIT_AUTH_TOKEN"
    if "Permission denied (publickey" in said or "Host key verification failed" in said:
        return "ssh asks nothing here: the host must be in ~/.ssh/known_hosts, and the key in the agent"
    return "" if said else "look whether the address can be reached"
