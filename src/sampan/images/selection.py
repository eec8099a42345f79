"""Which images a listing or a prune is about: the filters of `docker images` and `docker image prune`."""

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sampan.dockerfile.duration import parse_duration
from sampan.errors import InvalidArgument, NotFound
from sampan.images import store, wildcards
from sampan.images.model import Image
from sampan.oci import reference
from sampan.storage.database import Database

_LIST_FILTERS = frozenset(("dangling", "reference", "label", "before", "since", "until"))
_PRUNE_FILTERS = frozenset(("dangling", "label", "label!", "until"))
Filters = Mapping[str, Sequence[str]]
NO_FILTERS: Filters = {}


def list_images(database: Database, *, name: str = "", filters: Filters = NO_FILTERS) -> list[Image]:
    """The images that `docker images [NAME] --filter ...` shows, newest first.

    An image's `tags` and `digests` are only those that match `name` and a `reference` filter. Raises InvalidArgument
    for a filter that is not known or malformed.
    """
    check(filters, _LIST_FILTERS)
    patterns = list(filters.get("reference", ())) + ([name] if name else [])
    keep_dangling = boolean("dangling", filters["dangling"]) if filters.get("dangling") else None
    found = []
    for image in _between(database, store.all_images(database), filters):
        if keep_dangling is not None and (image.tags if keep_dangling else not (image.tags or image.digests)):
            continue
        if not has_labels(image, filters.get("label", ())):
            continue
        if patterns:
            image = image._replace(
                tags=tuple(tag for tag in image.tags if _matches_any(tag, patterns)),
                digests=tuple(digest for digest in image.digests if _matches_any(digest, patterns)),
            )
            if not image.tags and not image.digests:
                continue
        found.append(image)
    return found


def prunable(database: Database, *, dangling_only: bool, filters: Filters = NO_FILTERS) -> list[Image]:
    """The images that `docker image prune` would take if no container used them."""
    check(filters, _PRUNE_FILTERS)
    if filters.get("dangling"):
        dangling_only = boolean("dangling", filters["dangling"])
    found = []
    for image in _between(database, store.all_images(database), filters):
        if dangling_only and image.tags:
            continue
        if not has_labels(image, filters.get("label", ())):
            continue
        if any(has_labels(image, (label,)) for label in filters.get("label!", ())):
            continue
        found.append(image)
    return found


def check(filters: Filters, known: frozenset[str]) -> None:
    for name in filters:
        if name not in known:
            raise InvalidArgument(f"invalid filter '{name}'", hint="known filters: " + ", ".join(sorted(known)))


def boolean(name: str, values: Sequence[str]) -> bool:
    """A filter's truth value in the forms that Docker takes."""
    if len(values) == 1 and values[0].lower() in ("1", "true"):
        return True
    if len(values) == 1 and values[0].lower() in ("0", "false"):
        return False
    raise InvalidArgument(f"invalid filter '{name}=[{' '.join(sorted(values))}]'", hint="true or false")


def has_labels(image: Image, wanted: Sequence[str]) -> bool:
    """Whether an image has all of `wanted`, each KEY or KEY=VALUE."""
    labels = image.config.config.labels
    for text in wanted:
        key, equals, value = text.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


def _between(database: Database, images: list[Image], filters: Filters) -> list[Image]:
    def created(text: str) -> datetime:
        return moment(store.find(database, text).created)

    try:
        before = [created(text) for text in filters.get("before", ())]
        since = [created(text) for text in filters.get("since", ())]
    except NotFound as error:
        raise NotFound(error.message, hint="`before` and `since` take an image that is here") from error
    before += [until(text) for text in filters.get("until", ())]
    return [
        image
        for image in images
        if all(moment(image.created) < limit for limit in before)
        and all(moment(image.created) > limit for limit in since)
    ]


def until(text: str) -> datetime:
    """A moment: RFC 3339 (parts may be missing, local time without a zone), seconds since the epoch, or a Go duration
    before now (10m, 1h30m)."""
    try:
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
            return moment("") + timedelta(seconds=float(text))
        if re.match(r"[0-9]{4}-[0-9]{2}-", text):
            parsed = _parsed(re.sub(r"^(\d{4}-\d\d-\d\d)(?=Z|[+-]\d\d:)", r"\1T00:00", text))
            return parsed if parsed.tzinfo else parsed.astimezone()
        return moment("") + timedelta(microseconds=(time.time_ns() - parse_duration(text)) // 1000)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(
            f'failed to parse value as time or duration: "{text}"', hint="write 24h, or 2006-01-02T15:04:05Z"
        ) from error


def moment(created: str) -> datetime:
    """RFC 3339 text, which may have nanoseconds, as a time; UTC without a zone, the epoch for ""."""
    parsed = _parsed(created or "1970-01-01T00:00:00Z")
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _parsed(text: str) -> datetime:
    """Microseconds are kept of a fraction of any length. Raises ValueError."""
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    text = re.sub(r"\.\d{1,5}(?=[Z+-])", lambda match: match[0].ljust(7, "0"), text)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _matches_any(tag: str, patterns: Sequence[str]) -> bool:
    """Docker's FamiliarMatch: the whole familiar reference or its name, `*` not crossing a slash."""
    whole = reference.parse(tag)
    for pattern in patterns:
        if any(wildcards.matches(pattern, text) for text in (whole.familiar(), whole.repository_familiar)):
            return True
        if pattern in (whole.name, whole.normalised()):
            return True
    return False
