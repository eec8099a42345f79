"""Where everything of a registry lies: the names of its files, or of its objects.

    oci-layout, index.json                          an OCI image layout; the index is as of the last collection
    blobs/ALGORITHM/HEX                             content: layers, configurations, manifests
    repositories/NAME/_known                        there is such a repository
    repositories/NAME/_cached                       it comes from an upstream: what it lacks can be had from there
    repositories/NAME/_blobs/ALGORITHM/HEX          it has this blob (empty file)
    repositories/NAME/_manifests/ALGORITHM/HEX      it has this manifest (its media type)
    repositories/NAME/_tags/TAG                     the digest of a manifest
    repositories/NAME/_referrers/ALGORITHM/HEX/D    a manifest D refers to that one (D's descriptor, JSON)
    uploads/ID/                                     an upload that is not complete
    pins/ID                                         what a manifest that is being put refers to, one digest a line
    condemned/ALGORITHM-HEX                         a collection is about to remove this content
    locks/                                          who may change what
    auth/                                           users, rules, the key of the tokens

A component of a repository's name never begins with `_`. Names and digests are checked here before they become keys:
none can lead outside.
"""

import re

from sampan.registry.server.problems import problem

LAYOUT, INDEX = "oci-layout", "index.json"
UPLOADS, PINS, CONDEMNED, REPOSITORIES, BLOBS = "uploads", "pins", "condemned", "repositories", "blobs"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_NAME = re.compile(NAME)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")
HEX_DIGITS = {"sha256": 64, "sha512": 128}
LONGEST_NAME = 255


def checked_name(name: str) -> str:
    """A repository's name. Raises NAME_INVALID."""
    if len(name) > LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise problem("NAME_INVALID", f"invalid repository name: {name[:300]}")
    return name


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether a text is a digest that this registry can compute: sha256 or sha512, in lower case."""
    algorithm, _, encoded = text.partition(":")
    return HEX_DIGITS.get(algorithm) == len(encoded) and re.fullmatch("[0-9a-f]+", encoded) is not None


def checked_digest(text: str) -> str:
    """A digest. Raises DIGEST_INVALID."""
    if not is_digest(text):
        raise problem("DIGEST_INVALID", f"invalid digest: {text[:200]}", hint="sha256 or sha512, in lower case")
    return text


def is_upload(text: str) -> bool:
    return _UPLOAD.fullmatch(text) is not None


def _split(digest: str) -> str:
    return digest.replace(":", "/", 1)


def dashed(digest: str) -> str:
    """A digest as the tag of the referrers' fallback and as a file's name: sha256-0123..."""
    return digest.replace(":", "-", 1)


def undashed(name: str) -> str:
    return name.replace("-", ":", 1)


def fallback_tag(digest: str) -> str:
    """The tag under which clients keep referrers for registries without the API: at most 32 - 64 characters."""
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm[:32]}-{encoded[:64]}"


def blob(digest: str) -> str:
    return f"blobs/{_split(digest)}"


def repository(name: str) -> str:
    return f"repositories/{name}"


def known(name: str) -> str:
    return f"repositories/{name}/_known"


def cached(name: str) -> str:
    return f"repositories/{name}/_cached"


def blob_link(name: str, digest: str) -> str:
    return f"repositories/{name}/_blobs/{_split(digest)}"


def manifest_link(name: str, digest: str) -> str:
    return f"repositories/{name}/_manifests/{_split(digest)}"


def tag(name: str, text: str) -> str:
    return f"repositories/{name}/_tags/{text}"


def referrers(name: str, subject: str) -> str:
    return f"repositories/{name}/_referrers/{_split(subject)}"


def referrer(name: str, subject: str, digest: str) -> str:
    return f"{referrers(name, subject)}/{dashed(digest)}"


def upload(identifier: str) -> str:
    return f"uploads/{identifier}"


def condemned(digest: str) -> str:
    return f"condemned/{dashed(digest)}"


def pin(identifier: str) -> str:
    return f"pins/{identifier}"
