"""A small page to look at: repositories, tags, sizes and layers. It changes nothing and runs no script."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from sampan.oci import manifest as documents
from sampan.registry.server import layout
from sampan.registry.server.manifests import Manifests, Stored
from sampan.registry.server.registry import Registry

_STYLE = (
    "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3em .8em;border-bottom:1px solid #ddd}"
    "td.n,th.n{text-align:right}code{font-size:13px}a{color:#06c;text-decoration:none}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_MOST_ROWS = 1000


def repositories(registry: Registry, visible: Sequence[str]) -> str:
    """The page of all repositories that the caller may see."""
    rows = [
        (_link(f"/repositories/{name}", name), str(len(registry.manifests.tags(name)))) for name in visible[:_MOST_ROWS]
    ]
    return _page("Repositories", _table(("Repository", "Tags"), rows, numbers=(1,)) + _more(len(visible)))


def repository(registry: Registry, name: str) -> str:
    """The page of one repository: its tags, what they mean, and how large that is."""
    rows = []
    tagged = registry.manifests.tagged(name)
    for tag, digest in list(tagged.items())[:_MOST_ROWS]:
        place = f"/repositories/{name}@{digest}"
        rows.append(
            (_link(place, tag), f"<code>{escape(digest[:19])}</code>", _size(weight(registry.manifests, digest)))
        )
    body = _table(("Tag", "Digest", "Size"), rows, numbers=(2,)) + _more(len(tagged))
    return _page(name, f"<p>{_link('/', 'all repositories')}</p>{body}")


def manifest(registry: Registry, name: str, stored: Stored) -> str:
    """The page of one manifest: the layers of an image, the images of an index."""
    document = documents.parse(stored.data, stored.media_type)
    rows: list[tuple[str, ...]] = []
    if isinstance(document, documents.Index):
        heads: tuple[str, ...] = ("Platform", "Digest", "Size")
        for entry in document.manifests:
            platform = documents.platform_of(entry)
            shown = str(platform) if platform else (entry.artifact_type or entry.media_type)
            place = _link(f"/repositories/{name}@{entry.digest}", entry.digest)
            rows.append((escape(shown), f"<code>{place}</code>", _size(weight(registry.manifests, entry.digest))))
    else:
        heads = ("Kind", "Digest", "Size")
        for part in (document.config, *document.layers):
            rows.append((escape(part.media_type), f"<code>{escape(part.digest)}</code>", _size(part.size)))
    head = f"<p>{_link(f'/repositories/{name}', name)} · {escape(stored.media_type)}</p>"
    return _page(f"{name}@{stored.digest}", head + _table(heads, rows, numbers=(2,)))


def weight(manifests: Manifests, digest: str, depth: int = 4) -> int:
    """Bytes of a manifest with all that it names, each once: indexes of the same indexes are not walked again."""
    seen: set[str] = set()
    level = [digest] if layout.is_digest(digest) else []
    for _ in range(depth):
        below: list[str] = []
        for item in level:
            if item in seen:
                continue
            seen.add(item)
            named = manifests.named_by(item)
            if named is not None:
                seen.update(named.blobs)
                below += named.manifests
        level = below
    entries = (manifests.medium.look(layout.blob(item)) for item in seen)
    return sum(entry.size_bytes for entry in entries if entry is not None)


def _page(title: str, body: str) -> str:
    shown = escape(title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{shown}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{shown}</h1>{body}</body></html>\n"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: tuple[int, ...]) -> str:
    def cells(kind: str, row: Sequence[str]) -> str:
        marked = ((f'<{kind} class="n">' if n in numbers else f"<{kind}>", cell) for n, cell in enumerate(row))
        return "<tr>" + "".join(f"{start}{cell}</{kind}>" for start, cell in marked) + "</tr>"

    return f"<table>{cells('th', heads)}{''.join(cells('td', row) for row in rows)}</table>"


def _link(place: str, text: str) -> str:
    return f'<a href="{escape(quote(place, safe="/@:"))}">{escape(text)}</a>'


def _more(count: int) -> str:
    return f"<p>The first {_MOST_ROWS} of {count}.</p>" if count > _MOST_ROWS else ""


def _size(size_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000 or unit == "GB":
            return f"{size_bytes:.4g} {unit}"
        size_bytes /= 1000
    raise AssertionError
