"""Lists that registries give page by page: tags, names of repositories (OCI distribution-spec 1.1, "Listing Tags")."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from sampan.errors import Corrupt
from sampan.oci import manifest as manifests

MOST_BYTES = 16 << 20
_MOST_PAGES = 10_000
_MOST_NAMES = 1_000_000
_LONGEST_LINK = 8192
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")


class Page(NamedTuple):
    """One answer, and the query of the one that follows, "" for the last."""

    content: bytes
    following: str


_Item = TypeVar("_Item")


def collect(ask: Callable[[str], Page], read: Callable[[bytes], list[_Item]]) -> list[_Item]:
    """What `read` finds on all pages, in their order; `ask` gets the query of each. Raises Corrupt for pages that lead
    back to one another, or do not end: part of a list is none."""
    found: list[_Item] = []
    query, asked = "n=1000", set[str]()
    while query:
        if query in asked:
            raise Corrupt("the pages of the registry's list go in circles")
        asked.add(query)
        page = ask(query)
        found += read(page.content)
        query = page.following
        if len(asked) > _MOST_PAGES or len(found) > _MOST_NAMES:
            raise Corrupt(f"the registry's list does not end: {len(found)} names on {len(asked)} pages")
    return found


def next_page(link: str) -> str:
    """The query of the following page in a Link header (RFC 8288), "" for none. Only the query is taken from it."""
    if len(link) > _LONGEST_LINK:  # to search it takes the square of its length
        return ""
    match = re.search(r'<[^>?]*\?([^>]*)>\s*;[^,]*rel="?next"?', link)
    return match[1] if match else ""


def tags_of(content: bytes, registry: str) -> list[str]:
    """The tags on a page. Raises Corrupt."""
    return [tag for tag in _texts(content, "tags", f"the list of tags of {registry}") if _TAG.fullmatch(tag)]


def names_of(content: bytes, registry: str) -> list[str]:
    """The repositories on a page. Raises Corrupt."""
    names = _texts(content, "repositories", f"the catalog of {registry}")
    return [name for name in names if len(name) < 256 and name.isprintable()]


def referrers_of(content: bytes, registry: str) -> list[dict[str, Any]]:
    """The descriptors in an index of what refers to a manifest (distribution-spec, "Listing Referrers"). Raises
    Corrupt."""
    try:
        found: Any = json.loads(content).get("manifests") or []
    except (ValueError, AttributeError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise Corrupt(f"the list of referrers of {registry} cannot be read")
    return [one for one in found if isinstance(one, dict) and manifests.is_digest(str(one.get("digest", "")))]


def _texts(content: bytes, key: str, what: str) -> list[str]:
    try:
        found: Any = json.loads(content).get(key) or []
    except (ValueError, AttributeError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise Corrupt(f"{what} cannot be read")
    return [text for text in found if isinstance(text, str)]
