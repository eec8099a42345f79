"""A repository in a registry: its manifests, tags and blobs (OCI distribution-spec 1.1)."""

import hashlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from sampan.errors import Corrupt, NotFound, PermissionDenied, SampanError, Unavailable
from sampan.oci import manifest as manifests
from sampan.oci.reference import Reference
from sampan.registry import endpoints, listing
from sampan.registry.accounts import Accounts
from sampan.registry.authority import Authority
from sampan.registry.endpoints import Endpoint
from sampan.registry.failures import Refused, Unreachable, refused
from sampan.registry.reach import check_reach, origin_of
from sampan.registry.transport import MakeBody, Options, Response, Transport
from sampan.settings.model import Registry

_MOST_ERROR_BYTES = 1 << 18
_MIRROR_ATTEMPTS = 2

_Got = TypeVar("_Got")


class Fetched(NamedTuple):
    """A manifest or index as the registry has it."""

    content: bytes
    media_type: str
    digest: str


class Client:
    """Registries, as one command speaks to them: its connections, its tokens, its accounts."""

    def __init__(
        self, options: Options, accounts: Accounts, rules: Sequence[Registry] = (), transport: Transport | None = None
    ) -> None:
        self.options, self.accounts, self.rules = options, accounts, rules
        self.transport = transport or Transport(options)
        self.authority = Authority(self.transport, accounts)

    def repository(self, name: Reference, *, for_writing: bool = False) -> "Repository":
        """What can be done with a repository; nothing is asked yet."""
        return Repository(self, name, for_writing)

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Repository:
    """One repository at the first of its endpoints that answers. Any thread may use it.

    Reading goes to mirrors first, and past each that has not what is wanted to the next and to the registry itself.
    """

    def __init__(self, client: Client, name: Reference, for_writing: bool) -> None:
        self._client, self.name = client, name
        self._scope = f"repository:{{}}:{'pull,push' if for_writing else 'pull'}"
        found = endpoints.resolve(name, client.rules, for_writing=for_writing)
        self._mirrors = [endpoint for endpoint in found if endpoint.is_mirror]
        self._own = [endpoint for endpoint in found if not endpoint.is_mirror]
        self._settled = False
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> Endpoint:
        """Where the registry itself is spoken to."""
        return self._own[0]

    @property
    def cancelled(self) -> threading.Event:
        """Set when the command ends."""
        return self._client.transport.cancelled

    # Manifests

    def manifest(self, wanted: str) -> Fetched:
        """The document with a tag or a digest, its digest checked. Raises NotFound, Corrupt, and as send() does."""
        return self._tried(lambda: self._manifest(wanted))

    def _manifest(self, wanted: str) -> Fetched:
        answer = self._read("GET", f"manifests/{wanted}", headers={"Accept": ", ".join(manifests.ACCEPTED)})
        if answer.status != 200:
            raise self._missing(answer, wanted)
        content = answer.content(manifests.MOST_BYTES)
        algorithm = wanted.partition(":")[0] if manifests.is_digest(wanted) else "sha256"
        digest = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
        said = answer.headers.get("docker-content-digest", "")
        if manifests.is_digest(wanted) and digest != wanted:
            raise Corrupt(f"manifest verification failed for digest {wanted}: what was sent is {digest}")
        if said.startswith(algorithm + ":") and said != digest:
            raise Corrupt(f"manifest verification failed: the registry calls it {said[:150]}, and it is {digest}")
        return Fetched(content, answer.headers.get("content-type", ""), digest)

    def _tried(self, get: Callable[[], _Got]) -> _Got:
        """What is read in one piece: again when it was cut off, and once more when it is not what it should be."""
        patience, is_doubted = self._client.options.patience, False
        for attempt in range(patience.attempts):
            try:
                return get()
            except Unreachable as error:  # send() has tried by itself where there was no answer at all
                if attempt + 1 == patience.attempts or not error.in_body:
                    raise
            except Corrupt:
                if is_doubted:
                    raise
                is_doubted = True
            self._client.transport.pause(patience.wait(attempt, None))
        return get()

    def head_manifest(self, wanted: str) -> str | None:
        """The digest of the document with a tag, None when there is none (or the registry does not say)."""
        answer = self._read("HEAD", f"manifests/{wanted}", headers={"Accept": ", ".join(manifests.ACCEPTED)})
        answer.discard()
        said = answer.headers.get("docker-content-digest", "")
        return said if answer.status == 200 and manifests.is_digest(said) else None

    def put_manifest(self, wanted: str, content: bytes, media_type: str) -> None:
        """Store a document under a tag or its digest. Raises Refused."""
        answer = self._own_request(
            "PUT", self._path(f"manifests/{wanted}"), headers={"Content-Type": media_type}, body=content
        )
        if answer.status not in (200, 201, 202):
            raise self._refused(answer)
        answer.discard()

    def tags(self) -> list[str]:
        """Every tag, sorted. Raises NotFound."""
        found = listing.collect(
            lambda query: self._page(self._read("GET", f"tags/list?{query}")),
            lambda content: listing.tags_of(content, self.name.registry),
        )
        return sorted(set(found))

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        """The descriptors of what refers to a manifest; where the registry has no such list, those that clients keep
        under a tag of its digest. Raises NotFound for a repository that is not there."""
        try:
            return listing.collect(
                lambda query: self._page(self._read("GET", f"referrers/{digest}?{query}")),
                lambda content: listing.referrers_of(content, self.name.registry),
            )
        except NotFound:
            algorithm, _, encoded = digest.partition(":")
            try:
                kept = self.manifest(f"{algorithm[:32]}-{encoded[:64]}")
            except NotFound:
                return []
            return listing.referrers_of(kept.content, self.name.registry)

    def catalog(self) -> list[str]:
        """The names of all repositories of the registry, where it tells them. Raises NotFound, PermissionDenied."""
        self._scope = "registry:catalog:*"
        return listing.collect(
            lambda query: self._page(self._settle("GET", f"/v2/_catalog?{query}", {})),
            lambda content: listing.names_of(content, self.name.registry),
        )

    def _page(self, answer: Response) -> listing.Page:
        if answer.status != 200:
            raise self._missing(answer, "")
        return listing.Page(answer.content(listing.MOST_BYTES), listing.next_page(answer.headers.get("link", "")))

    # Blobs, read

    def open_blob(self, digest: str, start: int = 0, end: int | None = None) -> Response:
        """An answer whose body is a blob: from `start` (206), to before `end` if given; or all of it (200).

        Raises NotFound when the repository has no such blob.
        """
        headers = {}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        answer = self._read("GET", f"blobs/{digest}", headers=headers)
        if answer.status not in (200, 206):
            raise self._missing(answer, digest)
        return answer

    def blob(self, descriptor: manifests.Descriptor, most: int) -> bytes:
        """A small blob whole, its size and digest checked. Raises Corrupt."""
        if descriptor.size > most:
            raise Corrupt(f"the blob {descriptor.digest} is larger than {most} bytes")
        return self._tried(lambda: self._blob(descriptor))

    def _blob(self, descriptor: manifests.Descriptor) -> bytes:
        content = self.open_blob(descriptor.digest).content(descriptor.size)
        check_digest(content, descriptor)
        return content

    # Blobs, written

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has a blob. Raises PermissionDenied where it may not be written to."""
        answer = self._own_request("HEAD", self._path(f"blobs/{digest}"))
        answer.discard()
        if answer.status in (401, 403):
            self.begin_upload()  # an answer to HEAD has no body: this one says why, where it is no as well
        return answer.status == 200

    def mount(self, digest: str, origin: str) -> bool:
        """Take over a blob from the repository `origin` of the same registry; whether that was possible."""
        path = self._path(f"blobs/uploads/?mount={quote(digest, safe=':')}&from={quote(origin, safe='/')}")
        answer = self._own_request("POST", path, also=(f"repository:{origin}:pull",))
        answer.discard()
        if answer.status == 202:  # it began an upload instead
            self._cancel(answer)
        return answer.status == 201

    def begin_upload(self) -> str:
        """Begin an upload; its URL. Raises Refused."""
        answer = self._own_request("POST", self._path("blobs/uploads/"), body=b"")
        if answer.status != 202:
            raise self._refused(answer)
        answer.discard()
        return self._location(answer)

    def finish_upload(self, url: str, digest: str, content: bytes = b"") -> None:
        """Close an upload with the last (or the only) bytes. Raises Refused."""
        whole = f"{url}{'&' if '?' in url else '?'}digest={quote(digest, safe='')}"
        answer = self._own_request("PUT", whole, headers={"Content-Type": "application/octet-stream"}, body=content)
        if answer.status not in (201, 204):
            raise self._refused(answer)
        answer.discard()

    def append(self, url: str, start: int, count: int, make_body: MakeBody) -> str:
        """Send `count` bytes from `start` on; the URL to go on with. One try. Raises Refused, Unreachable."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(count),
        }
        if start:  # not at first: some registries take a whole blob only without it
            headers["Content-Range"] = f"{start}-{start + count - 1}"
        answer = self._own_request("PATCH", url, headers=headers, make_body=make_body, attempts=1)
        if answer.status not in (202, 204):
            raise self._refused(answer)
        answer.discard()
        return self._location(answer)

    def upload_state(self, url: str) -> tuple[str, int] | None:
        """(URL to go on with, bytes that arrived) of an upload that was cut off; None when the registry forgot it."""
        answer = self._own_request("GET", url)
        answer.discard()
        if answer.status != 204:
            return None
        match = re.fullmatch(r"(?:bytes=)?0-(\d+)", answer.headers.get("range", ""))
        # "0-0" is said of nothing at all as well as of one byte: nothing is sent twice rather than left out.
        arrived = int(match[1]) + 1 if match and match[1] != "0" else 0
        return (self._location(answer) if answer.headers.get("location") else url), arrived

    def _cancel(self, answer: Response) -> None:
        try:
            self._own_request("DELETE", self._location(answer), attempts=1).discard()
        except SampanError:
            return  # the registry forgets it by itself in time

    def _location(self, answer: Response) -> str:
        """Where an upload goes on: at the registry itself or, without our credentials, elsewhere with TLS."""
        location = answer.headers.get("location", "")
        url = urljoin(answer.url, location)
        if not location:
            raise Corrupt(f"{self.name.registry} does not say where the upload goes on")
        check_reach(answer.url, url)
        if origin_of(url)[0] == "http" and urlsplit(answer.url).scheme == "https":
            if origin_of(url)[1] != origin_of(answer.url)[1]:
                raise PermissionDenied(f"{self.name.registry} sends the upload to {origin_of(url)[1]} without TLS")
            url = "https" + url.removeprefix("http")  # a registry behind a proxy that does not know of it
        return url

    # Requests

    def _path(self, rest: str) -> str:
        return f"{self.endpoint.base}/v2/{self.endpoint.repository}/{rest}"

    def ping(self) -> Response:
        """The answer to GET /v2/ with the account or token that the registry asks for, as far as there is one."""
        return self._settle("GET", "/v2/", {})

    def challenge(self) -> Response:
        """The answer to GET /v2/ of who says nothing of himself: 200, or 401 with what is asked for."""
        return self._settle("GET", "/v2/", {}, is_anonymous=True)

    def _read(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """Ask the mirrors, then the registry."""
        for mirror in list(self._mirrors):
            url = f"{mirror.base}/v2/{mirror.repository}/{path}"
            try:
                answer = self._authorised(mirror, method, url, headers or {}, attempts=_MIRROR_ATTEMPTS)
            except (Unavailable, PermissionDenied, Corrupt):
                if self._client.options.is_offline:
                    raise
                with self._lock:
                    if mirror in self._mirrors:
                        self._mirrors.remove(mirror)
                continue
            if answer.status in (200, 206):
                return answer
            answer.discard()
        return self._settle(method, f"/v2/{self.endpoint.repository}/{path}", headers or {})

    def _settle(self, method: str, path: str, headers: Mapping[str, str], *, is_anonymous: bool = False) -> Response:
        """Ask the registry; the first time, where it may be without TLS, also in the other way."""
        failure: Unreachable | None = None
        for endpoint in list(self._own):
            attempts = 2 if not self._settled and len(self._own) > 1 else 0
            try:
                answer = self._authorised(
                    endpoint, method, endpoint.base + path, headers, attempts=attempts, is_anonymous=is_anonymous
                )
            except Unreachable as error:
                failure = failure or error
                if endpoint.scheme == "http" and not error.speaks_otherwise:
                    break
                continue
            if len(self._own) > 1 and not self._settled and endpoint.scheme == "http" and answer.status == 400:
                failure = Unreachable(f"{endpoint.host} wants TLS")
                answer.discard()
                continue
            with self._lock:
                self._own, self._settled = [endpoint], True
            return answer
        assert failure is not None
        raise failure

    def _own_request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        make_body: MakeBody | None = None,
        also: Sequence[str] = (),
        attempts: int = 0,
    ) -> Response:
        if not self._settled:
            self.ping().discard()
            url = url if not url.startswith(("http://", "https://")) else self._moved(url)
        endpoint = self.endpoint
        if origin_of(url) != endpoint.origin:  # an upload that goes elsewhere, by a URL that carries its permission
            return self._client.transport.send(
                method,
                url,
                headers=headers,
                body=body,
                make_body=make_body,
                attempts=attempts,
                follow=False,
                sent_by=endpoint.base,
            )
        return self._authorised(
            endpoint, method, url, headers or {}, body=body, make_body=make_body, also=also, attempts=attempts
        )

    def _moved(self, url: str) -> str:
        """A URL that was made before it was known how the registry is spoken to."""
        return f"{self.endpoint.base}{url[url.index('/', 8) :]}"

    def _authorised(
        self,
        endpoint: Endpoint,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        make_body: MakeBody | None = None,
        also: Sequence[str] = (),
        attempts: int = 0,
        is_anonymous: bool = False,
    ) -> Response:
        """Send with the header that is known; after a 401, once more with the one that was asked for.

        `is_anonymous`: without any, once.
        """
        scopes = (self._scope.format(endpoint.repository), *also)
        header = "" if is_anonymous else self._client.authority.header(endpoint, scopes)
        for _ in range(2):
            sent = {**headers, "Authorization": header} if header else dict(headers)
            answer = self._client.transport.send(
                method,
                url,
                headers=sent,
                body=body,
                make_body=make_body,
                is_verified=endpoint.is_verified,
                attempts=attempts,
                follow=method in ("GET", "HEAD"),
            )
            # After a redirect it is somebody else who asks, and gets nothing.
            if answer.status != 401 or is_anonymous or origin_of(answer.url) != endpoint.origin:
                return answer
            asked = answer.all_of("www-authenticate")
            header = self._client.authority.answer(endpoint, scopes, asked, used=header)
            if not header:
                return answer
            answer.discard()
        return answer

    # Answers that are errors

    def _refused(self, answer: Response) -> Refused | PermissionDenied:
        body = answer.content(_MOST_ERROR_BYTES)
        asks_basic = any(item.lower().startswith("basic") for item in answer.all_of("www-authenticate"))
        accounts, name = self._client.accounts, self.name
        if answer.status == 401 and asks_basic and accounts.find(name.registry, name.repository) is None:
            # Docker asks for a manifest's head first, and names no address of what it writes.
            method = "Head" if "/manifests/" in answer.url else "Get"
            what = "" if self._scope.endswith(",push") else f'{method} "{answer.url}": '
            return PermissionDenied(
                f"{what}no basic auth credentials",
                hint=f"log in first: sampan login {name.registry}",
            )
        found = refused(answer.status, body)
        if answer.status in (401, 403):
            is_full = "quota" in found.message.lower()  # distribution has no code for it
            hint = "" if is_full else f"log in first: sampan login {self.name.registry}"
            return PermissionDenied(found.message, hint=hint)
        return found

    def _missing(self, answer: Response, wanted: str) -> SampanError:
        """The error for something that could not be read, in Docker's words."""
        found = self._refused(answer)
        if isinstance(found, PermissionDenied):
            if "basic auth" in found.message:
                return found
            words = found.message
            return PermissionDenied(
                f"pull access denied for {self.name.repository_familiar}, repository does not exist or may require"
                f" 'sampan login': {words}",
                hint=found.hint,
            )
        if found.status != 404:
            return found
        if manifests.is_digest(wanted) and found.code != "MANIFEST_UNKNOWN" and answer.url.find("/blobs/") > 0:
            return NotFound(f"the registry has no blob {wanted}: {found.message}")
        shown = f"{self.name.repository_familiar}{'@' if ':' in wanted else ':'}{wanted}" if wanted else str(self.name)
        words = found.message if found.code else "manifest unknown: manifest unknown"
        return NotFound(f"manifest for {shown} not found: {words}" if wanted else words)


def check_digest(content: bytes, descriptor: manifests.Descriptor) -> None:
    """Raises Corrupt when content is not what a descriptor says."""
    algorithm = descriptor.digest.partition(":")[0]
    if len(content) != descriptor.size:
        raise Corrupt(f"{descriptor.digest} has {len(content)} bytes, and should have {descriptor.size}")
    if f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}" != descriptor.digest:
        raise Corrupt(f"filesystem layer verification failed for digest {descriptor.digest}")
