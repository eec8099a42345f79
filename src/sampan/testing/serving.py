"""A registry of sampan's own for tests, and a small client that shows every byte of an answer."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPConnection
from typing import Any, NamedTuple

PROGRAM = os.path.join(os.path.dirname(sys.executable), "sampan")
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def codes(self) -> list[str]:
        """The codes of a refusal."""
        return [error["code"] for error in self.json()["errors"]]


class Served:
    """A registry that answers at `address` ("http://127.0.0.1:PORT"); each request has a connection of its own."""

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        self.address, self.process = address, process
        self.host = address.partition("://")[2]

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def begin(self, repository: str, query: str = "") -> str:
        """A new upload's location."""
        answer = self("POST", f"/v2/{repository}/blobs/uploads/{query}")
        assert answer.status == 202, answer
        return str(answer.headers["Location"])

    def push_blob(self, repository: str, data: bytes, algorithm: str = "sha256") -> str:
        """The digest of a blob that was pushed."""
        digest = digest_of(data, algorithm)
        answer = self("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", data)
        assert answer.status == 201, answer
        return digest

    def push_manifest(self, repository: str, reference: str, document: Mapping[str, Any]) -> str:
        """The digest of a manifest that was pushed under a tag or, for "", under its digest."""
        data = encode(document)
        headers = {"Content-Type": str(document["mediaType"])}
        answer = self("PUT", f"/v2/{repository}/manifests/{reference or digest_of(data)}", data, headers)
        assert answer.status == 201, answer
        return digest_of(data)

    def push_image(self, repository: str, tag: str, *layers: bytes, **fields: Any) -> str:
        """The digest of an image's manifest, pushed with all that it names."""
        for data in (b"{}", *layers):
            self.push_blob(repository, data)
        return self.push_manifest(repository, tag, image(*layers, **fields))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Stop it; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


def refused(answer: Answer, status: int, code: str) -> bool:
    """Whether an answer is a refusal with that status and just that code."""
    return (answer.status, answer.codes()) == (status, [code])


def encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def descriptor(data: bytes, media_type: str, algorithm: str = "sha256") -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data, algorithm), "size": len(data)}


def image(*layers: bytes, **fields: Any) -> dict[str, Any]:
    """The manifest of an image whose configuration is "{}"."""
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b"{}", "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(data, "application/vnd.oci.image.layer.v1.tar") for data in layers],
        **fields,
    }


def index(*manifests: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    listed = [descriptor(encode(document), str(document["mediaType"])) for document in manifests]
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed, **fields}


@contextmanager
def serving(store: str, *flags: str, env: Mapping[str, str] | None = None) -> Iterator[Served]:
    """`sampan registry serve` on a free port of loopback, ended afterwards if it still runs."""
    words = [PROGRAM, "registry", "serve", "--listen", "127.0.0.1:0", *flags, store]
    with open(os.devnull) as nothing:
        process = subprocess.Popen(
            words,
            stdin=nothing,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **(env or {})},
        )
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"the registry did not start: {process.stderr.read()}")
        yield Served(line.split()[-1], process)
    finally:
        process.kill()
        process.communicate()
