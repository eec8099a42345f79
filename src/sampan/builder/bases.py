"""The images that a build begins with or copies from: found here, or fetched, each for its platform."""

import os
from collections.abc import Callable, Iterator

from sampan.builder import project
from sampan.builder.options import BuildOptions
from sampan.builder.plan.steps import named_by
from sampan.builder.progress.events import Reporter
from sampan.errors import NotFound, SampanError
from sampan.images import lock
from sampan.images import store as images
from sampan.images.model import Image
from sampan.oci import platform, reference
from sampan.oci.platform import Platform
from sampan.storage.database import Database

Fetch = Callable[[str, str, Callable[[str], object]], object]
"""Gets an image from its registry: its reference, a platform, and what is told how it goes. Raises NotFound ..."""

_BOOTSTRAPPED = ("debian", "ubuntu")
_SHORT_ID = 12  # characters of an ID as it is listed


class Bases:
    """Images by their image_key(), each looked up once. Without `fetch` one that is not here is an error."""

    def __init__(
        self, database: Database, options: BuildOptions, host: Platform, reporter: Reporter, fetch: Fetch | None
    ) -> None:
        self._database, self._options, self._host = database, options, host
        self._reporter, self._fetch = reporter, fetch
        self._locked: lock.Lock | None = None
        self.found: dict[str, Image] = {}

    def get(self, key: str) -> Image:
        """The image that FROM or --from names. Raises NotFound, in BuildKit's words."""
        if key in self.found:
            return self.found[key]
        text, asked = named_by(key)
        wanted = platform.parse(asked, self._host) if asked else self._host
        name = reference.parse(text)
        whole = name.normalised()
        exact = self._exact(text, name, wanted)
        work = self._reporter.start(f"[internal] load metadata for {whole}")
        try:
            image = next((found for one in exact for found in self._present(one, wanted)), None)
            if image is None and self._fetch is not None:
                image = self._fetched(self._fetch, exact[0], wanted, work.status)
            if image is None:
                raise NotFound("not found")
        except SampanError as error:
            mine = self._platform_here(name)
            fits = mine is None or platform.satisfies(mine, wanted)
            reason = error.message
            if not fits and reason == "not found":
                reason = "no match for platform in manifest: not found"
            work.failed(f"{whole}: {reason}")
            here = (
                _how_to_make(name)
                if mine is None
                else ""
                if fits
                else f"the image here is for {mine}, not for {wanted}"
            )
            hints = dict.fromkeys(hint for hint in (error.hint, here) if hint)
            message = f"{text}: failed to resolve source metadata for {whole}: {reason}"
            raise NotFound(message, hint="; ".join(hints)) from error
        work.done()
        self.found[key] = image
        return image

    def _exact(self, text: str, name: reference.Reference, wanted: Platform) -> tuple[str, ...]:
        """What a name means: by the lock, the name@digest forms, the first of which is the one to fetch."""
        locked = self._lock()
        if locked and not name.digest and name.normalised() not in locked:
            self._reporter.warn(f"{lock.FILE} does not name {name.normalised()}: `sampan lock` adds it")
        return lock.candidates(locked, text, str(wanted)) or (text,)

    def _lock(self) -> lock.Lock:
        """What sampan.lock in the context says that names mean. Raises InvalidArgument for a mistake in it."""
        if self._locked is None:
            context = self._options.context
            self._locked = project.read_lock(os.path.join(context, lock.FILE)) if context else {}
        return self._locked

    def _present(self, text: str, wanted: Platform) -> Iterator[Image]:
        """The image here that may be taken: the one of that name, or another platform's of the same index."""
        if self._options.pull and self._fetch is not None:
            return
        try:
            image = images.find(self._database, text)
        except NotFound:
            return
        if len(text) < _SHORT_ID and image.id.startswith(f"sha256:{text}") and not self._is_tag(text):
            return  # FROM b, a stage that comes later: not the image whose ID happens to begin so
        for candidate in (image, *self._siblings(image, text)):
            if platform.satisfies(_platform(candidate), wanted):
                yield candidate

    def _is_tag(self, text: str) -> bool:
        name = reference.parse(text).normalised()
        return self._database.row("SELECT 1 FROM tag WHERE reference = ?", (name,)) is not None

    def _siblings(self, image: Image, text: str) -> Iterator[Image]:
        """Images that the repository knows by the same digest: those of one index."""
        repository = reference.parse(text).name
        for digest in image.digests:
            if digest.partition("@")[0] != repository:
                continue
            rows = self._database.rows(
                "SELECT image_id FROM repo_digest WHERE repository = ? AND digest = ? AND image_id != ?",
                (*digest.split("@"), image.id),
            )
            yield from (images.get(self._database, str(row[0])) for row in rows)

    def _fetched(self, fetch: Fetch, text: str, wanted: Platform, tell: Callable[[str], object]) -> Image | None:
        """An image from its registry; a name that means this host's stays with it when another platform's comes."""
        name = reference.parse(text).normalised()
        before = self._database.row("SELECT image_id FROM tag WHERE reference = ?", (name,))
        fetch(text, str(wanted), tell)
        image = images.find(self._database, text)
        if before is not None and wanted != self._host and str(before[0]) != image.id:
            images.place_tag(self._database, str(before[0]), name)
        return image if platform.satisfies(_platform(image), wanted) else None

    def _platform_here(self, name: reference.Reference) -> Platform | None:
        """The platform of the image that is here under a name."""
        try:
            return _platform(images.find(self._database, name.normalised()))
        except NotFound:
            return None


def _platform(image: Image) -> Platform:
    return platform.normalise(image.config.os, image.config.architecture, image.config.variant)


def _how_to_make(name: reference.Reference) -> str:
    familiar = name.familiar()
    known = name.repository.removeprefix(reference.OFFICIAL) in _BOOTSTRAPPED
    command = f"sampan image bootstrap {familiar}" if known else f"sampan import ROOTFS.tar {familiar}"
    return f"no image of that name is here: make it with `{command}`"
