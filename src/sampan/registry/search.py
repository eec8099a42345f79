"""Looking for images: Docker Hub's own search, and elsewhere the names of a registry's repositories."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from sampan.errors import Corrupt
from sampan.oci.reference import DEFAULT_REGISTRY, Reference
from sampan.registry.client import Client
from sampan.registry.failures import refused
from sampan.values import NamedTuple

INDEX = "https://index.docker.io"
_MOST_BYTES = 8 << 20


class Hit(NamedTuple):
    """A repository that was found."""

    name: str
    description: str = ""
    stars: int = 0
    is_official: bool = False
    is_automated: bool = False


def search(client: Client, term: str, limit: int, *, index: str = INDEX) -> list[Hit]:
    """Repositories whose name holds the term, HOST/TERM for those of another registry; at most `limit`.

    `index` is where Docker Hub is searched. Raises Unavailable and what a registry answers.
    """
    host, slash, rest = term.partition("/")
    if slash and (":" in host or "." in host or host == "localhost") and host != DEFAULT_REGISTRY:
        names = client.repository(Reference(host, "catalog", "latest")).catalog()
        return [Hit(f"{host}/{name}") for name in names if rest in name][:limit]
    wanted = rest if host == DEFAULT_REGISTRY and slash else term
    url = f"{index}/v1/search?{urlencode({'q': wanted, 'n': limit}, quote_via=quote)}"
    answer = client.transport.send("GET", url)
    body = answer.content(_MOST_BYTES)
    if answer.status != 200:
        raise refused(answer.status, body, what=f'Get "{url}"')
    try:
        results = json.loads(body)["results"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Corrupt(f"{index} did not answer as a search does") from None
    return [_hit(entry) for entry in (results or [])[:limit] if isinstance(entry, dict)]


def _hit(entry: dict[str, Any]) -> Hit:
    stars = entry.get("star_count")
    return Hit(
        str(entry.get("name", "")),
        str(entry.get("description") or ""),
        stars if isinstance(stars, int) else 0,
        entry.get("is_official") is True,
        entry.get("is_automated") is True,
    )
