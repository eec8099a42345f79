"""A proxy between a client and a registry that does one thing wrong, at one request or at each.

| fault     | what the client sees                                                              |
|-----------|-----------------------------------------------------------------------------------|
| cut       | the connection ends before there is an answer                                     |
| cut-body  | it ends in the middle of the answer's body                                        |
| cut-sent  | it ends while the request's body is being sent; half of it reached the registry   |
| stall     | in the middle of the answer nothing comes any more                                |
| corrupt   | a byte of the body is another                                                     |
| truncate  | the body is shorter, and the answer says so                                       |
| delay     | the answer comes a little later                                                   |
| stranger  | the registry does not see who asks: the Authorization header is lost on the way   |
| 401 ...   | this status, with an error body                                                   |
"""

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULTS = (
    *("cut", "cut-body", "cut-sent", "stall", "corrupt", "truncate", "delay", "stranger"),
    *("401", "404", "429", "500"),
)
_DELAY_SECONDS = 0.05
_HOP = ("connection", "transfer-encoding", "keep-alive")


class Plan:
    """What goes wrong: `fault` at the request number `at` (from 1), and at those after it with `always`."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.authorized: list[str | None] = []
        self._fault, self._at, self._always = "", 0, False
        self._lock = threading.Lock()
        self.released = threading.Event()

    def set(self, fault: str = "", at: int = 0, *, always: bool = False) -> None:
        """Begin anew."""
        with self._lock:
            self.seen.clear()
            self.authorized.clear()
            self._fault, self._at, self._always = fault, at, always

    def take(self, request: str, authorization: str | None) -> str:
        """Note a request; the fault that befalls it, "" for none."""
        with self._lock:
            self.seen.append(request)
            self.authorized.append(authorization)
            number = len(self.seen)
            return self._fault if number == self._at or (self._always and number > self._at > 0) else ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream = ""
    plan = Plan()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _serve(self) -> None:
        fault = self.plan.take(f"{self.command} {self.path}", self.headers.get("authorization"))
        length = int(self.headers.get("content-length") or 0)
        if fault == "cut-sent" and length > 1:
            self._forward(self.rfile.read(length // 2), claimed=length)
            self._end()
            return
        body = self.rfile.read(length)
        if fault in ("cut", "cut-sent"):
            self._end()
        elif fault.isdigit():
            self._refuse(int(fault))
        else:
            if fault == "delay":
                self.plan.released.wait(_DELAY_SECONDS)
            self._answer(*self._forward(body, is_stranger=fault == "stranger"), fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _forward(
        self, body: bytes, claimed: int = 0, *, is_stranger: bool = False
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        left_out = (*_HOP, "authorization") if is_stranger else _HOP
        connection = http.client.HTTPConnection(self.upstream, timeout=20)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in left_out:
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            if claimed:
                return 0, [], b""  # and the connection ends in the middle
            answer = connection.getresponse()
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
            return answer.status, headers, answer.read()
        finally:
            connection.close()

    def _refuse(self, status: int) -> None:
        content = b'{"errors":[{"code":"UNKNOWN","message":"a fault that was planned"}]}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json")
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="planned"')
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, fault: str) -> None:
        if fault == "corrupt" and body:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 0x55]) + body[middle + 1 :]
        if fault == "truncate" and body:
            body = body[: len(body) // 2]
            headers = [(name, str(len(body)) if name.lower() == "content-length" else value) for name, value in headers]
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers) and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault in ("cut-body", "stall"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if fault == "stall":
                self.plan.released.wait(20)
            self._end()
            return
        self.wfile.write(body)

    def _end(self) -> None:
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        return


@contextmanager
def interfering(upstream: str, *, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, Plan]]:
    """A proxy to the registry at host:port: its own host:port, and the plan that it follows; with `tls`, over TLS."""
    plan = Plan()
    handler = type("Handler", (_Handler,), {"upstream": upstream, "plan": plan})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", plan
    finally:
        plan.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
