"""A registry that says what a test wants it to say: for what no honest one does."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    """What was asked; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """`content_length` is what the answer says of its body, None for the truth."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    content_length: int | None = None


Answer = Callable[[Request], Reply]
NOT_FOUND = Reply(404, {"Content-Type": "application/json"}, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":""}]}')


class Script:
    """Documents and blobs by path, and rules that come before them."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.replies: dict[str, Reply] = {}
        self.rule: Callable[[Request], Reply | None] = lambda request: None
        self.host = ""

    def __call__(self, request: Request) -> Reply:
        self.seen.append(request)
        return self.rule(request) or self.replies.get(request.path.partition("?")[0], NOT_FOUND)

    def blob(self, repository: str, content: bytes, name: str = "") -> str:
        """Serve a blob, under its own digest or as `name`; the digest."""
        digest = name or "sha256:" + hashlib.sha256(content).hexdigest()
        self.replies[f"/v2/{repository}/blobs/{digest}"] = Reply(body=content)
        return digest

    def manifest(self, repository: str, content: bytes, media_type: str, *names: str) -> str:
        """Serve a document under its digest and other names; the digest."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        for name in (digest, *names):
            self.replies[f"/v2/{repository}/manifests/{name}"] = Reply(200, {"Content-Type": media_type}, content)
        return digest


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Answer

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True  # the client has heard enough

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = type(self).answer(Request(self.command, self.path, headers, body))
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.body) if reply.content_length is None else reply.content_length
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            try:
                self.wfile.write(reply.body)
            except ConnectionError:
                self.close_connection = True
        if length != len(reply.body):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *arguments: object) -> None:
        return


@contextmanager
def scripted() -> Iterator[Script]:
    """A registry at `script.host` that answers as the script says."""
    script = Script()
    handler = type("Handler", (_Handler,), {"answer": staticmethod(script)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    script.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
