"""A registry's rooms without its HTTP: what its requests do, done at once."""

from sampan.registry.server import collection, layout
from sampan.registry.server.collection import Options, Report
from sampan.registry.server.content import Content
from sampan.registry.server.manifests import Manifests
from sampan.registry.server.medium import Medium
from sampan.registry.server.uploads import Uploads
from sampan.registry.server.verification import verify
from sampan.testing.serving import digest_of, encode, image

AT_ONCE = Options(grace_seconds=-1, upload_seconds=-1)
"""Everything is old enough."""


class Store:
    """The rooms of a registry over one medium, as a server's requests use them."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.content = Content(medium)
        self.manifests = Manifests(self.content)
        self.uploads = Uploads(self.content)

    def push_blob(self, repository: str, data: bytes) -> str:
        identifier = self.uploads.begin(repository)
        receiving = self.uploads.append(identifier, 0)
        receiving.write([data])
        receiving.close()
        self.uploads.finish(repository, identifier, digest_of(data))
        return digest_of(data)

    def push_image(self, repository: str, tag: str, *layers: bytes, **fields: object) -> str:
        for data in (b"{}", *layers):
            self.push_blob(repository, data)
        return self.put(repository, image(*layers, **fields), tag)

    def put(self, repository: str, document: dict[str, object], *tags: str) -> str:
        data = encode(document)
        named = [tag for tag in tags if tag]
        self.manifests.put(repository, digest_of(data), str(document["mediaType"]), data, named)
        return digest_of(data)

    def has(self, *digests: str) -> list[bool]:
        return [self.medium.look(layout.blob(digest)) is not None for digest in digests]

    def collect(self, **changes: object) -> Report:
        options = {"grace_seconds": -1.0, "upload_seconds": -1.0, **changes}
        report = collection.collect(self.medium, Options(**options))  # type: ignore[arg-type]
        assert report is not None
        assert verify(self.medium).problems == []
        return report
