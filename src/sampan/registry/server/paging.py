"""Lists in pages: `n` and `last`, and the Link to what follows (distribution-spec, "Listing Tags"; pure)."""

import bisect
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from sampan.registry.server.problems import problem


def page(
    items: Sequence[str], query: Mapping[str, str], *, path: str, default: int | None = None, most: int | None = None
) -> tuple[Sequence[str], str]:
    """The page of sorted `items` that a query asks for, and the Link header ("" when nothing follows).

    `default` is how many come when the query does not say, `most` how many at most; None: all. Raises
    PAGINATION_NUMBER_INVALID.
    """
    last = query.get("last", "")
    rest = items[bisect.bisect_right(items, last) :] if last else items
    count = _count(query.get("n", ""), default, most)
    if count is None or count >= len(rest):
        return rest, ""
    chosen = rest[:count]
    if not chosen:
        return chosen, ""
    return chosen, link(path, {**query, "n": str(count), "last": chosen[-1]})


def link(path: str, query: Mapping[str, str]) -> str:
    return f'<{path}?{urlencode(query)}>; rel="next"'


def _count(text: str, default: int | None, most: int | None) -> int | None:
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise problem("PAGINATION_NUMBER_INVALID", f"invalid number of results requested: {text[:40]}")
    return int(text) if most is None else min(int(text), most)
