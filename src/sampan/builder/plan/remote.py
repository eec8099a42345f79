"""Sources and contexts that are elsewhere: files behind http(s), and git repositories. Pure.

    https://host/file.tgz          a file            https://host/repo.git          a repository
    git@host:repo, ssh://, git://  a repository      github.com/owner/repo          one too, where it is a context

A repository's URL ends in #REF:FOLDER, or in ?ref=REF&subdir=FOLDER&keep-git-dir=BOOL&checksum=COMMIT.
"""

import posixpath
import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sampan.builder.plan.steps import Remote
from sampan.errors import InvalidArgument

UNNAMED = "__unnamed__"
"""What a file is called whose URL has no name."""

_SCP = re.compile(r"[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:(?!//).*", re.DOTALL)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_QUERY = ("ref", "tag", "branch", "subdir", "keep-git-dir", "checksum", "commit", "submodules")
_BOOLEANS = {"": True, "1": True, "true": True, "0": False, "false": False}


def parse(text: str) -> Remote | None:
    """What a source of ADD means elsewhere; None for a path of the context. Raises InvalidArgument.

    Other protocols than those of files and repositories are no protocols: file:///x is a path, as in BuildKit.
    """
    if _SCP.fullmatch(text):
        return _repository(text)
    scheme = _SCHEME.match(text)
    kind = scheme[1].lower() if scheme else ""
    if kind in ("ssh", "git"):
        return _repository(text)
    if kind not in ("http", "https"):
        return None
    parts = _split(text)
    if parts.path.endswith(".git"):
        return _repository(text)
    name = posixpath.basename(unquote(parts.path))
    if "\0" in name:
        raise InvalidArgument(f"{text}: a file's name has no NUL")
    return Remote("http", text.partition("#")[0], UNNAMED if name in ("", ".", "..") else name)


def parse_context(text: str) -> Remote | None:
    """As parse() for a build's context, which may leave the scheme of github.com away."""
    return parse("https://" + _with_suffix(text)) if text.startswith("github.com/") else parse(text)


def _with_suffix(text: str) -> str:
    cut = re.match(r"[^?#]*", text)
    path = cut[0] if cut is not None else text
    return text if path.endswith(".git") else path + ".git" + text[len(path) :]


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  # it is read to be checked
    except ValueError as error:
        raise InvalidArgument(f"{text}: {error}", hint="write it as https://host/path") from error
    if not parts.hostname or parts.hostname.startswith("-"):
        raise InvalidArgument(f"{text} names no host", hint="write it as https://host/path")
    return parts


def _repository(text: str) -> Remote:
    """A repository with what its URL says after # or ?."""
    address, _, fragment = text.partition("#")
    address, _, query = address.partition("?")
    if "://" in address:
        _split(address)
    elif re.search(r"@-|:-", address):  # a host or a path that would be an option
        raise InvalidArgument(f"{text}: a host or a path cannot begin with -")
    ref, _, folder = fragment.partition(":")
    found = Remote("git", address, posixpath.basename(address), ref=ref, subdir=_folder(folder, text))
    return _with_query(found, query, text) if query else _checked(found, text)


def _with_query(found: Remote, query: str, text: str) -> Remote:
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _QUERY:
            raise InvalidArgument(f'unexpected query "{key}" in {text}', hint="known are " + ", ".join(_QUERY))
        if key in ("ref", "tag", "branch"):
            if found.ref and found.ref != value:
                raise InvalidArgument(f"ref conflict: {found.ref} vs {value} in {text}")
            prefix = {"tag": "refs/tags/", "branch": "refs/heads/"}.get(key, "")
            found = found._replace(ref=prefix + value)
        elif key == "subdir":
            if found.subdir and found.subdir != _folder(value, text):
                raise InvalidArgument(f"subdir conflict: {found.subdir} vs {value} in {text}")
            found = found._replace(subdir=_folder(value, text))
        elif key in ("checksum", "commit"):
            found = found._replace(checksum=value)
        else:
            flag = _boolean(key, value, text)
            found = found._replace(keep_git_dir=flag) if key == "keep-git-dir" else found._replace(submodules=flag)
    return _checked(found, text)


def _boolean(key: str, value: str, text: str) -> bool:
    if value not in _BOOLEANS:
        raise InvalidArgument(f'invalid {key} value "{value}" in {text}', hint=f"{key}=true or {key}=false")
    return _BOOLEANS[value]


def _folder(text: str, source: str) -> str:
    """A folder of a repository, cleaned."""
    if "\0" in text:
        raise InvalidArgument(f"{source}: a folder's name has no NUL")
    clean = posixpath.normpath("/" + text).strip("/")
    return "" if clean == "." else clean


def _checked(found: Remote, text: str) -> Remote:
    if found.ref.startswith("-") or re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{", found.ref):
        raise InvalidArgument(f"{text}: {found.ref!r} is no name of a branch, a tag or a commit")
    if found.checksum and not _COMMIT.fullmatch(found.checksum):
        raise InvalidArgument(
            f'invalid checksum "{found.checksum}": a commit is expected', hint="give at least 7 of a commit's digits"
        )
    return found


def redacted(text: str) -> str:
    """A URL for the eye, as BuildKit shows it: without the name and the password in it. A name alone may be a token."""
    return re.sub(r"://[^/?#\s]*@", lambda found: "://xxxxx:xxxxx@" if ":" in found[0][3:] else "://xxxxx@", text)


def with_checksum(found: Remote, checksum: str) -> Remote:
    """The source with the --checksum of its ADD. Raises InvalidArgument for one of the wrong form."""
    if found.kind == "git":
        if found.checksum and found.checksum != checksum:
            raise InvalidArgument(f"checksum conflict: {found.checksum} vs {checksum}")
        return _checked(found._replace(checksum=checksum), found.url)
    if re.fullmatch(r"sha256:[0-9a-f]{64}", checksum) is None:
        known = re.match(r"(sha1|sha384|sha512|md5):", checksum)
        reason = "unsupported digest algorithm" if known else "invalid checksum digest format"
        raise InvalidArgument(f'{reason}: "{checksum}"', hint="write --checksum=sha256:HEX, as sha256sum prints it")
    return found._replace(checksum=checksum)
