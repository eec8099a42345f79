"""A registry of one's own beside docker-registry: throughput, many clients, manifests a second, memory.

usage: python -m bench.registry [DOCKER_REGISTRY]      the program, by default the one in the path

Both are driven by the same client, one after the other on loopback, on folders beside each other.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from statistics import median
from typing import NamedTuple

from sampan.testing import waiting

LAYERS, LAYER_BYTES = 8, 128 << 20
PULLERS, PULLED_BYTES = 64, 20 << 20
PUSHERS, PUSHED_BYTES = 64, 100 << 20
MANIFEST_SECONDS, MANIFEST_CLIENTS = 5.0, 8
ROUNDS = 3
_CHUNK = 1 << 20
_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIGURATION = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Server(NamedTuple):
    name: str
    port: int
    process: int


class Blob(NamedTuple):
    digest: str
    data: bytes


def make_blob(size: int, seed: int) -> Blob:
    """Content that no server has seen."""
    block = hashlib.shake_256(f"{time.time_ns()}-{seed}".encode()).digest(1 << 20)
    data = b"".join(block[n % 1000 :] + block[: n % 1000] for n in range(seed, seed + size // len(block)))
    return Blob("sha256:" + hashlib.sha256(data).hexdigest(), data)


class Client:
    """One connection, as a pull or a push of one layer has it."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=300)

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> HTTPResponse:
        self._connection.request(method, path, body=body, headers=headers or {})  # type: ignore[arg-type]
        response = self._connection.getresponse()
        assert response.status < 400, (method, path, response.status, response.read(300))
        return response

    def push(self, name: str, digest: str, size: int, pieces: Iterator[bytes]) -> None:
        """As docker does: begin, one PATCH with everything, PUT."""
        begun = self.ask("POST", f"/v2/{name}/blobs/uploads/")
        begun.read()
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        sent = self.ask("PATCH", _path(begun), pieces, headers)
        sent.read()
        place = _path(sent)
        self.ask("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", headers={"Content-Length": "0"}).read()

    def pull(self, name: str, digest: str) -> int:
        """The number of bytes of a blob."""
        response = self.ask("GET", f"/v2/{name}/blobs/{digest}")
        buffer, size = memoryview(bytearray(_CHUNK)), 0
        while count := response.readinto(buffer):
            size += count
        return size


def _path(response: HTTPResponse) -> str:
    """The path and query of an answer's Location, which may be relative."""
    location = response.headers["Location"]
    return "/" + location.split("://", 1)[1].partition("/")[2] if "://" in location else location


def pieces(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(view), _CHUNK):
        yield view[start : start + _CHUNK]  # type: ignore[misc]


@contextmanager
def running(name: str, folder: str, docker_registry: str) -> Iterator[Server]:
    """A server on a folder of its own, ended and removed afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    store = f"{folder}/{name}"
    os.makedirs(store)
    if name == "sampan":
        program = os.path.join(os.path.dirname(sys.executable), "sampan")
        words = [program, "registry", "serve", "--listen", f"127.0.0.1:{port}", store]
    else:
        with open(f"{folder}/{name}.yml", "w") as file:
            file.write(_CONFIGURATION.format(folder=store, port=port))
        words = [docker_registry, "serve", f"{folder}/{name}.yml"]
    with open(f"{folder}/{name}.log", "wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        waiting.until(lambda: _answers(port), f"{name} answers")
        yield Server(name, port, process.pid)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(store, ignore_errors=True)


def _answers(port: int) -> bool:
    try:
        Client(port).ask("GET", "/v2/").read()
    except OSError:
        return False
    return True


def push_layers(server: Server, blobs: list[Blob], name: str) -> float:
    """Megabytes a second of layers that are pushed at the same time."""

    def one(blob: Blob) -> None:
        Client(server.port).push(name, blob.digest, len(blob.data), pieces(blob.data))

    return _rate(len(blobs), sum(len(blob.data) for blob in blobs), lambda n: one(blobs[n]))


def pull_layers(server: Server, blobs: list[Blob], name: str) -> float:
    def one(number: int) -> None:
        assert Client(server.port).pull(name, blobs[number].digest) == len(blobs[number].data)

    return _rate(len(blobs), sum(len(blob.data) for blob in blobs), one)


def pull_many(server: Server, blob: Blob, name: str) -> float:
    """Megabytes a second of one layer that many clients pull."""
    return _rate(PULLERS, PULLERS * len(blob.data), lambda _: Client(server.port).pull(name, blob.digest))


def _rate(workers: int, total: int, work: Callable[[int], object]) -> float:
    begun = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, range(workers)):
            pass
    return total / 1e6 / (time.monotonic() - begun)


def manifests(server: Server, blob: Blob, name: str) -> float:
    """GETs of a manifest a second, by tag, over connections that stay."""
    described = {"mediaType": "application/octet-stream", "digest": blob.digest, "size": len(blob.data)}
    document = {"schemaVersion": 2, "mediaType": _TYPE, "config": described, "layers": [described] * 8}
    Client(server.port).ask("PUT", f"/v2/{name}/manifests/latest", json.dumps(document), {"Content-Type": _TYPE}).read()
    words = [sys.executable, "-m", "bench.registry", "--ask", str(server.port), f"/v2/{name}/manifests/latest"]
    asking = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(2)]
    return sum(float(process.communicate()[0]) for process in asking)


def ask_for_long(port: int, path: str) -> None:
    """Ask for one thing over and over, over plain sockets that cost little; prints how often a second."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: {_TYPE}\r\n\r\n".encode()
    counts = [0] * MANIFEST_CLIENTS
    end = time.monotonic() + MANIFEST_SECONDS

    def one(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while time.monotonic() < end:
                connection.sendall(request)
                head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200"), head
                size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                while len(body) < size:
                    body += connection.recv(65536)
                counts[number] += 1

    threads = [threading.Thread(target=one, args=(number,)) for number in range(MANIFEST_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(counts) / MANIFEST_SECONDS)


def memory_of_pushes(server: Server, name: str) -> float:
    """The most megabytes that a server had resident while many clients pushed at once."""
    block = hashlib.shake_256(os.urandom(16)).digest(_CHUNK)
    digests = []
    for number in range(PUSHERS):
        found = hashlib.sha256(number.to_bytes(8, "big") + block[8:])
        for _ in range(PUSHED_BYTES // _CHUNK - 1):
            found.update(block)
        digests.append("sha256:" + found.hexdigest())

    def content(number: int) -> Iterator[bytes]:
        yield number.to_bytes(8, "big") + block[8:]
        for _ in range(PUSHED_BYTES // _CHUNK - 1):
            yield block

    with open(f"/proc/{server.process}/clear_refs", "w") as file:
        file.write("5")  # the peak begins anew
    _rate(PUSHERS, 1, lambda n: Client(server.port).push(name, digests[n], PUSHED_BYTES, content(n)))
    with open(f"/proc/{server.process}/status") as file:
        peak = next(line for line in file if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1000


def measure(docker_registry: str) -> dict[str, dict[str, float]]:
    """Every figure of each server: medians of rounds in which they take turns."""
    servers = ["sampan"] + (["docker-registry"] if docker_registry else [])
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory(prefix="sampan-bench-", dir="/var/tmp") as folder:
        for turn in range(ROUNDS):
            blobs = [make_blob(LAYER_BYTES, number) for number in range(LAYERS)]
            small = make_blob(PULLED_BYTES, 99)
            for name in servers:
                with running(name, folder, docker_registry) as server:
                    figures = _figures(server, blobs, small, with_memory=turn == 0)
                    for figure, take in figures:
                        value = take()
                        if figure:
                            found.setdefault(figure, {}).setdefault(name, []).append(value)
                            print(f"{turn} {name}: {figure}: {value:.0f}", file=sys.stderr, flush=True)
    return {figure: {name: median(values) for name, values in by.items()} for figure, by in found.items()}


def _figures(
    server: Server, blobs: list[Blob], small: Blob, *, with_memory: bool
) -> list[tuple[str, Callable[[], float]]]:
    """What is measured of one server, in this order; without a name: what has to be done before."""
    figures: list[tuple[str, Callable[[], float]]] = [
        ("push of 8 x 128 MiB, MB/s", lambda: push_layers(server, blobs, "bench/large")),
        ("pull of 8 x 128 MiB, MB/s", lambda: pull_layers(server, blobs, "bench/large")),
        ("", lambda: push_layers(server, [small], "bench/small")),
        ("64 clients pull 20 MiB, MB/s", lambda: pull_many(server, small, "bench/small")),
        ("manifests, GETs/s", lambda: manifests(server, small, "bench/small")),
    ]
    if with_memory:
        figures.append(("64 clients push 100 MiB, peak MB", lambda: memory_of_pushes(server, "bench/m")))
    return figures


def table(figures: dict[str, dict[str, float]]) -> str:
    lines = ["| figure | sampan | docker-registry | ratio |", "|---|---|---|---|"]
    for figure, by in figures.items():
        peer = by.get("docker-registry")
        ratio = f"{by['sampan'] / peer:.2f}" if peer else ""
        lines.append(f"| {figure} | {by['sampan']:.0f} | {f'{peer:.0f}' if peer else ''} | {ratio} |")
    return "\n".join(lines) + "\n"


def main(words: list[str]) -> int:
    if words[:1] == ["--ask"]:
        ask_for_long(int(words[1]), words[2])
        return 0
    print(table(measure(words[0] if words else shutil.which("docker-registry") or "")), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
