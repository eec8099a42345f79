"""A small web service: a page on /, its health on /health, its settings from the environment, SIGTERM ends it."""

import json
import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pagetext import page

VERSION = "1.0"


class Handler(BaseHTTPRequestHandler):
    server_version = "hello-web/" + VERSION

    def do_GET(self) -> None:
        if self.path == "/":
            greeting = os.environ.get("GREETING", "Hello")
            facts = {"version": VERSION, "host": socket.gethostname(), "user": str(os.getuid())}
            self.answer(200, "text/html; charset=utf-8", page(greeting, facts))
        elif self.path == "/health":
            self.answer(200, "application/json", json.dumps({"status": "ok", "version": VERSION}))
        else:
            self.answer(404, "text/plain; charset=utf-8", "there is no such page\n")

    def answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        print(f"{self.command} {self.path} {args[1] if len(args) > 1 else ''}".strip())


def main() -> int:
    port = int(os.environ.get("PORT", "5000"))
    server = ThreadingHTTPServer(("", port), Handler)
    # shutdown() waits for the loop that this very signal interrupts, so another thread calls it.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"hello-web {VERSION} listens on port {port}")
    server.serve_forever()
    print("hello-web has stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
