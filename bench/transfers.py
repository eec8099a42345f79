"""Images to and from a registry, save and load: every engine against the same server, with images nobody has seen."""

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from bench import fresh
from bench.engines import Engine
from bench.network import within
from bench.registry import Client, running
from bench.scenarios import Scenario
from bench.stopwatch import Stopwatch

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_BLOCK = 1 << 20


class Transfers:
    """A registry beside the engines, from the first scenario that asks for it until close()."""

    def __init__(self, peer: int) -> None:
        """`peer` is a process in whose network the registry listens, with sampan as another client; 0: this one."""
        self._peer = peer
        self._stack = ExitStack()
        self._port = 0
        self._numbers = itertools.count(1)
        self._made: list[tuple[Engine, str]] = []
        self._clients: dict[str, Engine] = {}

    def close(self) -> None:
        self.tidy()
        for engine in self._clients.values():
            engine.stopwatch.close()
        self._stack.close()

    def tidy(self) -> None:
        """Remove the images that the rounds made."""
        for engine, name in self._made:
            engine.try_to("rmi", "-f", name)
        self._made.clear()

    def scenarios(self) -> tuple[Scenario, ...]:
        def one(name: str, run: Callable[[Engine], float], prepare: Callable[[Engine], object]) -> Scenario:
            return Scenario(name, run, lambda engine: (prepare(engine), None)[1], 0.8, rounds=3, tidy=self.tidy)

        def start(_engine: Engine) -> None:
            self._start()

        found = [one("save, 170 MB", self._save, self._load_once), one("load, 170 MB", self._load, lambda engine: None)]
        if shutil.which("docker-registry"):
            for title, sizes in (("170 MB", fresh.LARGE), ("20 small layers", fresh.SMALL)):
                found.append(one(f"pull, {title}", partial(self._pull, sizes), start))
                found.append(one(f"push, {title}", partial(self._push, sizes), start))
        return tuple(found)

    # Archives

    def _load_once(self, engine: Engine) -> None:
        self._bring(engine, "large:1", fresh.LARGE)

    def _save(self, engine: Engine) -> float:
        path = engine.folder + "/saved.tar"
        if os.path.exists(path):
            os.unlink(path)
        os.sync()
        return engine("save", "-o", path, "large:1").seconds

    def _load(self, engine: Engine) -> float:
        return self._bring(engine, f"large:{next(self._numbers) + 1}", fresh.LARGE)

    def _bring(self, engine: Engine, name: str, sizes: tuple[int, ...]) -> float:
        """Seconds that it takes to load an image that was not there."""
        path = engine.folder + "/fresh.tar"
        fresh.image(sizes).write_archive(path, name)
        os.sync()
        self._made.append((engine, name))
        seconds = engine("load", "-q", "-i", path).seconds
        os.unlink(path)
        return seconds

    # A registry

    def _start(self) -> None:
        if not self._port:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sampan-bench-", dir="/var/tmp"))
            program = str(shutil.which("docker-registry"))
            server = running("docker-registry", folder, program)
            self._port = within(self._peer, lambda: self._stack.enter_context(server)).port

    def _client(self, engine: Engine) -> Engine:
        """The engine where it reaches the registry."""
        if engine.name != "sampan" or not self._peer:
            return engine
        if "sampan" not in self._clients:
            stopwatch = Stopwatch(self._peer, ("net",))
            self._clients["sampan"] = Engine("sampan", engine.command, stopwatch, engine.folder)
        return self._clients["sampan"]

    def _words(self, engine: Engine) -> list[str]:
        return ["-q", "--tls-verify=false"] if engine.name == "podman" else ["-q"]

    def _name(self) -> str:
        return f"127.0.0.1:{self._port}/bench/fresh{next(self._numbers)}:1"

    def _pull(self, sizes: tuple[int, ...], engine: Engine) -> float:
        name = self._name()
        within(self._peer, lambda: publish(self._port, _repository(name), fresh.image(sizes)))
        os.sync()
        self._made.append((engine, name))
        return self._client(engine)("pull", *self._words(engine), name).seconds

    def _push(self, sizes: tuple[int, ...], engine: Engine) -> float:
        name = self._name()
        self._bring(engine, name, sizes)
        os.sync()
        return self._client(engine)("push", *self._words(engine), name).seconds


def _repository(name: str) -> str:
    return name.split("/", 1)[1].rpartition(":")[0]


class _Blob(NamedTuple):
    media_type: str
    data: bytes

    @property
    def described(self) -> dict[str, object]:
        digest = "sha256:" + hashlib.sha256(self.data).hexdigest()
        return {"mediaType": self.media_type, "digest": digest, "size": len(self.data)}


def publish(port: int, repository: str, image: fresh.Image) -> None:
    """Put an image into a registry, as tag "1"."""
    client = Client(port)
    blobs = [_Blob(_CONFIG, image.config), *(_Blob(_LAYER, layer.compressed()) for layer in image.layers)]
    described = [blob.described for blob in blobs]
    for blob, entry in zip(blobs, described, strict=True):
        pieces = (blob.data[start : start + _BLOCK] for start in range(0, len(blob.data), _BLOCK))
        client.push(repository, str(entry["digest"]), len(blob.data), pieces)
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": described[0], "layers": described[1:]}
    client.ask("PUT", f"/v2/{repository}/manifests/1", json.dumps(manifest), {"Content-Type": _MANIFEST}).read()
