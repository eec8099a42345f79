"""Each endpoint of OCI distribution 1.1, end-1 to end-14, with each status that its table has, one row a case.

The same table is asked of Debian's docker-registry where it is installed, so that no row is only what we make of the
specification: what it does otherwise is known by name.
"""

import re
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, IncompleteRead
from typing import NamedTuple

import pytest

from sampan.testing.registries import has_peer
from sampan.testing.registries import registry as started
from sampan.testing.serving import OCI_INDEX, OCI_MANIFEST, Answer, digest_of, encode, image

BLOB, CONFIG, OTHER, NEVER = b"a blob", b"{}", b"a blob elsewhere", b"never pushed"
MANIFEST = image(BLOB)
MISSING = image(NEVER)
ABSENT = digest_of(NEVER)
TYPED = {"Content-Type": OCI_MANIFEST}
OF_11 = ("end-4c", "end-7b", "end-12a", "end-12b")
"""What came with 1.1 or after it."""
DEBIAN_DIFFERS = {
    ("end-5", "status 202"),  # it takes a chunk that leaves a gap
    ("end-8b", "Link: None"),  # it has no pages of tags
    *((row, "code ['BLOB_UPLOAD_INVALID']") for row in ("end-5", "end-6", "end-13", "end-14")),  # for one it never saw
}


class Case(NamedTuple):
    """A request, the statuses of which one must come, and headers that the answer must have, by regular expression.

    In paths {blob}, {manifest} and {absent} are digests, {upload} is the location of an upload that was just begun.
    """

    row: str
    method: str
    path: str
    statuses: tuple[int, ...]
    headers: Mapping[str, str] = {}
    body: bytes = b""
    says: Mapping[str, str] = {}
    code: str = ""


RANGE = {"Content-Range": "0-5", "Content-Type": "application/octet-stream"}
BLOB_HEADERS = {"Content-Length": str(len(BLOB)), "Docker-Content-Digest": digest_of(BLOB)}
MANIFEST_HEADERS = {"Content-Type": re.escape(OCI_MANIFEST), "Docker-Content-Digest": digest_of(encode(MANIFEST))}
CASES = (
    Case("end-1", "GET", "/v2/", (200,)),
    Case("end-2", "GET", "/v2/a/blobs/{blob}", (200,), says=BLOB_HEADERS),
    Case("end-2", "HEAD", "/v2/a/blobs/{blob}", (200,), says=BLOB_HEADERS),
    Case("end-2", "GET", "/v2/a/blobs/{blob}", (206,), {"Range": "bytes=2-5"}, says={"Content-Range": "bytes 2-5/6"}),
    Case("end-2", "GET", "/v2/a/blobs/{blob}", (416,), {"Range": "bytes=900-"}),
    Case("end-2", "GET", "/v2/a/blobs/{absent}", (404,), code="BLOB_UNKNOWN"),
    Case("end-2", "HEAD", "/v2/a/blobs/{absent}", (404,)),
    Case("end-3", "GET", "/v2/a/manifests/v1", (200,), {"Accept": OCI_MANIFEST}, says=MANIFEST_HEADERS),
    Case("end-3", "HEAD", "/v2/a/manifests/v1", (200,), {"Accept": OCI_MANIFEST}, says=MANIFEST_HEADERS),
    Case("end-3", "GET", "/v2/a/manifests/{manifest}", (200,), {"Accept": OCI_MANIFEST}, says=MANIFEST_HEADERS),
    Case("end-3", "GET", "/v2/a/manifests/nope", (404,), code="MANIFEST_UNKNOWN"),
    Case("end-3", "HEAD", "/v2/a/manifests/{absent}", (404,)),
    Case("end-4a", "POST", "/v2/a/blobs/uploads/", (202,), says={"Location": ".+"}),
    Case("end-4b", "POST", "/v2/a/blobs/uploads/?digest={blob}", (201, 202), body=BLOB, says={"Location": ".+"}),
    Case("end-4b", "POST", "/v2/a/blobs/uploads/?digest=sha256:short", (400, 202), body=BLOB),
    Case("end-4c", "POST", "/v2/a/blobs/uploads/?digest-algorithm=sha512", (202,), says={"Location": ".+"}),
    Case("end-4c", "POST", "/v2/a/blobs/uploads/?digest-algorithm=md5", (400,)),
    Case("end-5", "PATCH", "{upload}", (202,), RANGE, BLOB, {"Location": ".+", "Range": "0-5"}),
    Case("end-5", "PATCH", "{upload}", (416,), {**RANGE, "Content-Range": "10-15"}, BLOB),
    Case("end-5", "PATCH", "/v2/a/blobs/uploads/{nobody}", (404,), RANGE, BLOB, code="BLOB_UPLOAD_UNKNOWN"),
    Case("end-6", "PUT", "{upload}digest={blob}", (201,), {}, BLOB, {"Location": ".*/v2/a/blobs/sha256:[0-9a-f]{64}"}),
    Case("end-6", "PUT", "{upload}digest={absent}", (400,), {}, BLOB, code="DIGEST_INVALID"),
    Case("end-6", "PUT", "{upload}", (400,), {}, BLOB, code="DIGEST_INVALID"),
    Case("end-6", "PUT", "/v2/a/blobs/uploads/{nobody}?digest={blob}", (404,), {}, BLOB, code="BLOB_UPLOAD_UNKNOWN"),
    Case("end-7a", "PUT", "/v2/a/manifests/v2", (201,), TYPED, encode(MANIFEST), {"Location": ".+"}),
    Case("end-7a", "PUT", "/v2/a/manifests/{manifest}", (201,), TYPED, encode(MANIFEST), {"Location": ".+"}),
    Case("end-7a", "PUT", "/v2/a/manifests/v3", (400, 404), TYPED, encode(MISSING), code="MANIFEST_BLOB_UNKNOWN"),
    Case("end-7a", "PUT", "/v2/a/manifests/v3", (400,), TYPED, b"[]", code="MANIFEST_INVALID"),
    Case("end-7a", "PUT", "/v2/a/manifests/{absent}", (400,), TYPED, encode(MANIFEST), code="DIGEST_INVALID"),
    Case("end-7b", "PUT", "/v2/a/manifests/{manifest}?tag=x&tag=y", (201,), TYPED, encode(MANIFEST), {"OCI-Tag": "x"}),
    Case("end-8a", "GET", "/v2/a/tags/list", (200,)),
    Case("end-8a", "GET", "/v2/nobody/tags/list", (404,), code="NAME_UNKNOWN"),
    Case("end-8b", "GET", "/v2/a/tags/list?n=1", (200,), says={"Link": r'<.+>; rel="next"'}),
    Case("end-8b", "GET", "/v2/a/tags/list?n=1&last=zz", (200,)),
    Case("end-11", "POST", "/v2/a/blobs/uploads/?mount={other}&from=b", (201,), says={"Location": ".*/v2/a/blobs/.+"}),
    Case("end-11", "POST", "/v2/a/blobs/uploads/?mount={absent}&from=b", (202,), says={"Location": ".+"}),
    Case("end-12a", "GET", "/v2/a/referrers/{manifest}", (200,), says={"Content-Type": re.escape(OCI_INDEX)}),
    Case("end-12a", "GET", "/v2/a/referrers/{absent}", (200,), says={"Content-Type": re.escape(OCI_INDEX)}),
    Case("end-12a", "GET", "/v2/a/referrers/nonsense", (400,)),
    Case(
        "end-12b",
        "GET",
        "/v2/a/referrers/{manifest}?artifactType=a/b",
        (200,),
        says={"OCI-Filters-Applied": "artifactType"},
    ),
    Case("end-13", "GET", "{upload}", (204,), says={"Location": ".+", "Range": "0-0"}),
    Case("end-13", "GET", "/v2/a/blobs/uploads/{nobody}", (404,), code="BLOB_UPLOAD_UNKNOWN"),
    Case("end-14", "DELETE", "{upload}", (204,)),
    Case("end-14", "DELETE", "/v2/a/blobs/uploads/{nobody}", (404,), code="BLOB_UPLOAD_UNKNOWN"),
    Case("end-9", "DELETE", "/v2/a/manifests/{absent}", (404,), code="MANIFEST_UNKNOWN"),
    Case("end-9", "DELETE", "/v2/a/manifests/{manifest}", (202,)),
    Case("end-9", "GET", "/v2/a/manifests/{manifest}", (404,), code="MANIFEST_UNKNOWN"),
    Case("end-10", "DELETE", "/v2/a/blobs/{absent}", (404,), code="BLOB_UNKNOWN"),
    Case("end-10", "DELETE", "/v2/a/blobs/{blob}", (202,)),
    Case("end-10", "GET", "/v2/a/blobs/{blob}", (404,), code="BLOB_UNKNOWN"),
)


class Asked:
    """A registry at host:port with what the table speaks of."""

    def __init__(self, host: str) -> None:
        self._host = host
        for repository, contents in (("a", (BLOB, CONFIG)), ("b", (OTHER,))):
            for content in contents:
                url = self.upload(repository) + "digest=" + digest_of(content)
                assert self("PUT", url, content).status == 201
        for tag in ("v0", "v1"):
            assert self("PUT", f"/v2/a/manifests/{tag}", encode(MANIFEST), TYPED).status == 201

    def __call__(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = TYPED) -> Answer:
        connection = HTTPConnection(self._host, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            try:
                return Answer(answer.status, answer.headers, answer.read())
            except IncompleteRead as broken:
                return Answer(answer.status, answer.headers, broken.partial)
        finally:
            connection.close()

    def upload(self, repository: str) -> str:
        """The location of an upload, ready for another parameter."""
        location = str(self("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"])
        return location + ("&" if "?" in location else "?")

    def path(self, case: Case) -> str:
        path = case.path
        if "{upload}" in path:
            path = path.replace("{upload}", self.upload("a"))
        digests = {"blob": BLOB, "absent": NEVER, "other": OTHER, "manifest": encode(MANIFEST)}
        for name, content in digests.items():
            path = path.replace("{" + name + "}", digest_of(content))
        return path.replace("{nobody}", "00000000-0000-4000-8000-000000000000").rstrip("?&")


def failure(asked: Asked, case: Case) -> str:
    """What is wrong with the answer, "" for nothing."""
    answer = asked(case.method, asked.path(case), case.body, case.headers)
    if answer.status not in case.statuses:
        return f"status {answer.status}: {answer.body[:200]!r}"
    for name, pattern in case.says.items():
        if not re.fullmatch(pattern, answer.headers.get(name, "")):
            return f"{name}: {answer.headers.get(name)}"
    if case.code and answer.codes() != [case.code]:
        return f"code {answer.codes()}"
    return ""


@pytest.fixture(params=["own", *(["debian"] if has_peer() else [])])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def asked(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with started(str(tmp_path_factory.mktemp("conformance")), own=kind == "own") as host:
        yield Asked(host)


def test_every_endpoint_answers_as_its_row_says(asked: Asked, kind: str) -> None:
    wrong = [(case, said) for case in CASES if (said := failure(asked, case))]
    if kind == "debian":
        wrong = [item for item in wrong if item[0].row not in OF_11]
        wrong = [item for item in wrong if (item[0].row, item[1].partition(": b")[0]) not in DEBIAN_DIFFERS]
    assert wrong == [], "\n".join(f"{case.row} {case.method} {case.path}: {said}" for case, said in wrong)


def test_the_table_has_every_endpoint() -> None:
    rows = {re.sub("[abc]$", "", case.row) for case in CASES}
    assert rows == {f"end-{number}" for number in range(1, 15)}
