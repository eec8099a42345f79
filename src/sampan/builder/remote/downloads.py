"""Files behind http(s): fetched once, and asked for again only with what the server said to tell them apart by."""

import hashlib
import os
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from sampan.builder.plan.remote import redacted
from sampan.builder.plan.steps import Remote
from sampan.errors import Corrupt, InvalidArgument, NotFound, PermissionDenied, SampanError, Unavailable
from sampan.linux import files
from sampan.registry.transport import Options, Response, Transport
from sampan.storage.database import Database

LARGEST = 1 << 36
"""Bytes that one file may have."""

_CHUNK = 1 << 20
_REMEMBERED = 1000  # URLs
_KINDS = {401: PermissionDenied, 403: PermissionDenied, 404: NotFound, 410: NotFound}


class Download(NamedTuple):
    """A file as a server has it. `digest` is "sha256:HEX", `mtime_ns` that of Last-Modified, 0 without one. `path` is
    where its bytes are, "" when they were not needed to know it."""

    digest: str
    mtime_ns: int
    path: str


def transport(*, is_offline: bool) -> Transport:
    """What asks for files: redirects limited, not from elsewhere to this host, proxies as the environment says."""
    return Transport(Options(user_agent="sampan", is_offline=is_offline))


def look(
    database: Database, asking: Transport, remote: Remote, folder: Callable[[], str], *, is_offline: bool
) -> Download:
    """What is behind a URL; with a checksum nothing is asked, and offline it is what it was the last time. `folder`
    makes an empty folder for what had to be read.

    Raises InvalidArgument when the status is none of success, Unavailable, Corrupt for what is too large.
    """
    if remote.checksum:
        return Download(remote.checksum, 0, "")
    known = database.row("SELECT etag, last_modified, digest FROM remote_file WHERE url = ?", (_name(remote.url),))
    etag, modified, digest = (str(value) for value in known) if known is not None else ("", "", "")
    if digest and is_offline:
        return Download(digest, _mtime_ns(modified), "")
    conditions = {"If-None-Match": etag} if etag else {"If-Modified-Since": modified} if modified else {}
    answer = _ask(asking, remote, conditions)
    try:
        if answer.status == 304 and conditions:
            return Download(digest, _mtime_ns(modified), "")
        return _read(database, remote, answer, folder())
    finally:
        answer.close()


def fetch(database: Database, asking: Transport, remote: Remote, folder: str) -> Download:
    """The file with its bytes. Raises as look(), and InvalidArgument when it is not what its checksum says."""
    answer = _ask(asking, remote, {})
    try:
        return _read(database, remote, answer, folder)
    finally:
        answer.close()


def _ask(asking: Transport, remote: Remote, conditions: dict[str, str]) -> Response:
    url, headers = _authorised(remote.url)
    try:
        answer = asking.send("GET", url, headers={**headers, **conditions})
    except Corrupt as error:
        raise InvalidArgument(f"failed to load {redacted(remote.url)}: {error.message}", hint=error.hint) from error
    if answer.status == 304 and conditions:
        return answer
    if not 200 <= answer.status < 300:
        answer.close()
        kind: type[SampanError] = _KINDS.get(answer.status, Unavailable)
        raise kind(
            f"invalid response status {answer.status}",
            hint=f"that is what {redacted(remote.url)} answered: try the URL",
        )
    return answer


def _authorised(url: str) -> tuple[str, dict[str, str]]:
    """(the URL without a name and a password, the header that says them)."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    from base64 import b64encode

    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return plain, {"Authorization": "Basic " + b64encode(login).decode()}


def _read(database: Database, remote: Remote, answer: Response, folder: str) -> Download:
    path, digest, size = f"{folder}/file", hashlib.sha256(), 0
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while piece := answer.read(_CHUNK):
            size += len(piece)
            if size > LARGEST:
                raise Corrupt(
                    f"{redacted(remote.url)} is larger than {LARGEST >> 30} GiB", hint="fetch it before the build"
                )
            digest.update(piece)
            files.write_all(fd, piece)
        modified = answer.headers.get("last-modified", "")
        mtime_ns = _mtime_ns(modified)
        os.utime(fd, ns=(mtime_ns, mtime_ns))
    finally:
        os.close(fd)
    found = "sha256:" + digest.hexdigest()
    if remote.checksum and found != remote.checksum:
        raise InvalidArgument(
            f"digest mismatch sha256:{digest.hexdigest()}: {remote.checksum}",
            hint=f"{redacted(remote.url)} is another file than the one that --checksum names",
        )
    _remember(database, remote.url, answer.headers.get("etag", ""), modified, found)
    return Download(found, mtime_ns, path)


def _name(url: str) -> str:
    """What a URL is called in the store, which keeps no passwords: one with a login is known by its hash."""
    return url if redacted(url) == url else "sha256:" + hashlib.sha256(url.encode()).hexdigest()


def _mtime_ns(modified: str) -> int:
    """A date of HTTP in ns since the epoch; 0, as in BuildKit, for one that says nothing."""
    try:
        return int(parsedate_to_datetime(modified).timestamp()) * 1_000_000_000 if modified else 0
    except (ValueError, TypeError, OverflowError):
        return 0


def _remember(database: Database, url: str, etag: str, modified: str, digest: str) -> None:
    """Keep what tells a file apart, of the files that were asked for last."""
    if not etag and not modified:
        return
    with database.transaction(durable=False):
        database.execute(
            "INSERT OR REPLACE INTO remote_file(url, etag, last_modified, digest, used_at) VALUES(?, ?, ?, ?, ?)",
            (_name(url), etag, modified, digest, time.time_ns()),
        )
        database.execute(
            "DELETE FROM remote_file WHERE url NOT IN (SELECT url FROM remote_file ORDER BY used_at DESC LIMIT ?)",
            (_REMEMBERED,),
        )
