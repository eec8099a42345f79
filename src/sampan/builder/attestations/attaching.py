"""What is said of the images of a build: statements for each manifest that is asked for."""

import os
import secrets
import string
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from sampan.builder.attestations import provenance, recipe
from sampan.builder.attestations.provenance import Facts, Material
from sampan.builder.failures import BuildFailed
from sampan.builder.plan.steps import Plan, named_by, readings
from sampan.builder.work.stages import Shared
from sampan.errors import InvalidArgument
from sampan.images import clock
from sampan.images import store as images
from sampan.images.model import Image
from sampan.oci import attestations, reference
from sampan.oci import manifest as manifests
from sampan.oci import platform as platforms
from sampan.oci.attestations import Attested, Predicate
from sampan.oci.digest import digest_of

if TYPE_CHECKING:
    from sampan.builder.finishing import Made

_DIGITS = string.digits + string.ascii_lowercase
_INVOCATION_LENGTH = 25


class Attaching:
    """For the results of one build, which go by `names`, normalised references."""

    def __init__(self, plans: Sequence[Plan], shared: Shared, names: Sequence[str]) -> None:
        self._plans, self._shared, self._names = plans, shared, names
        self._finished = clock.current()
        self._invocation = "".join(secrets.choice(_DIGITS) for _ in range(_INVOCATION_LENGTH))
        self._contents: dict[str, Predicate] = {}

    def attest(self, made: "Made", manifest: bytes) -> Attested:
        """What is said of the image that this manifest is of. Raises OSError; BuildFailed where the value of a secret
        would be told."""
        wanted = self._shared.options.attestations
        found = [self._bill(made)] if wanted.sbom else []
        if wanted.provenance is not None:
            found.append(self._provenance(made, manifest))
        attested = attestations.attested(found, self._names, made.platform, digest_of(manifest))
        self._check_secrets(attested)
        return attested

    def _bill(self, made: "Made") -> Predicate:
        """The packages in the image; its time is the image's, so that the same image gives the same document."""
        if made.image_id not in self._contents:
            from sampan.images import inventory
            from sampan.inspection import spdx
            from sampan.version import VERSION

            work = self._shared.reporter.start("generating sbom from the packages of the image")
            found = inventory.packages(self._shared.paths, made.layers)
            for path, why in found.unread:
                self._shared.reporter.warn(f"sbom: /{path} was not read: {why}")
            image = images.get(self._shared.database, made.image_id)
            created = (image.created or "1970-01-01T00:00:00Z").partition(".")[0].rstrip("Z") + "Z"
            name = reference.parse(self._names[0]).familiar() if self._names else made.image_id
            document = spdx.document(name, found, created, f"sampan-{VERSION}")
            self._contents[made.image_id] = Predicate(attestations.SPDX, document)
            work.status(f"{len(found.packages)} packages done")
            work.done()
        return self._contents[made.image_id]

    def _provenance(self, made: "Made", manifest: bytes) -> Predicate:
        shared = self._shared
        wanted = shared.options.attestations.provenance
        assert wanted is not None
        plan = next(plan for plan in self._plans if plan.platform == made.platform)
        document = manifests.parse(manifest)
        assert isinstance(document, manifests.Manifest)
        host = platforms.host_platform(os.uname().machine)
        source = shared.source
        facts = Facts(
            dockerfile=source.name if source is not None else "Dockerfile",
            text=source.text if source is not None else "",
            platform=str(plan.platform),
            host=str(host),
            started=clock.rfc3339(time.time_ns() - int(shared.journal.now * 1e9)),
            finished=self._finished,
            invocation="" if shared.options.reproducible else self._invocation,
            materials=sorted({_material(key, image, plan) for key, image in self._images(plan)}),
            layers=document.layers,
        )
        read = {key: _full_name(key, image) for key, image in self._images(plan)}
        return provenance.predicate(wanted, facts, shared.options, recipe.recipe_of(plan, read))

    def _images(self, plan: Plan) -> Iterator[tuple[str, Image]]:
        for stage in plan.stages:
            keys = [stage.base.image] + [one.image for step in stage.steps for one in readings(step.action)]
            for key in keys:
                if key in self._shared.images:
                    yield key, self._shared.images[key]

    def _check_secrets(self, attested: Attested) -> None:
        if not self._shared.options.secrets:
            return
        from sampan.builder.mounts import leaks

        for name, value in leaks.needles(self._shared.given.secrets.readable()):
            spelt = msgspec.json.encode(value.decode(errors="replace")).strip(b'"')
            if any(value in blob or spelt in blob for blob in attested.blobs.values()):
                message = f"the value of secret {name} is in the image's attestations"
                hint = "the Dockerfile or an option says it: take it with RUN --mount=type=secret where it is needed"
                raise BuildFailed(message, hint=hint, kind=InvalidArgument(message))


def _digest(key: str, image: Image) -> str:
    """The digest by which a registry knows an image; of one that is only here that of its configuration."""
    name = reference.parse(named_by(key)[0])
    if name.digest:
        return name.digest
    known = (digest.partition("@")[::2] for digest in image.digests)
    return next((digest for repository, digest in known if repository == name.name), image.id)


def _full_name(key: str, image: Image) -> str:
    name = reference.parse(named_by(key)[0]).normalised()
    return name if "@" in name else f"{name}@{_digest(key, image)}"


def _material(key: str, image: Image, plan: Plan) -> Material:
    name, asked = named_by(key)
    wanted = platforms.parse(asked, plan.platform) if asked else plan.platform
    return Material(attestations.subject_name(name, wanted), _digest(key, image))
