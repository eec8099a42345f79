"""`save` and `load`: archives of docker, podman, skopeo and of our own; damaged and hostile ones."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from sampan.cli.image.load import Display
from sampan.engine import Engine
from sampan.errors import Corrupt, NotFound, SampanError, Unsupported
from sampan.images.archive import contents, documents
from sampan.testing import remains
from sampan.testing.command import Sampan

CORPUS = Path(__file__).parent.parent / "corpus" / "archives"
TINY = "sha256:b4539758df3d67612283d4c51b1650959f0f2cdcc66c277c4ccc48dae14b3d1f"
TINY_OCI = "sha256:bada6fa3acf6b7763b2eec4f710d372a5afb2f67ad15e5d14b045e72e676c676"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(str(tmp_path / "root")) as made:
        yield made
        assert made.system.check(deep=True) == []
        for folder in (made.paths.layers, made.paths.recipes):
            rows = {str(row[0]) for row in made.database.rows("SELECT id FROM snapshot")}
            assert set(os.listdir(folder)) <= rows
        assert made.database.rows("SELECT resource FROM lease") == []
        assert os.listdir(made.paths.tmp) == []
        subprocess.run(["rm", "-r", made.paths.run], check=True)


def fixture(name: str) -> bytes:
    return gzip.decompress((CORPUS / f"{name}.tar.gz").read_bytes())


def load(engine: Engine, data: bytes, platform: str = "") -> list[tuple[str, tuple[str, ...]]]:
    return [image[:2] for image in engine.images.load(io.BytesIO(data), platform=platform)]


def save(engine: Engine, *names: str) -> bytes:
    pieces: list[bytes] = []
    engine.images.save(names, pieces.append)
    return b"".join(pieces)


def members(data: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None:
                found[member.name] = file.read()
    return found


def packed(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(content: bytes) -> bytes:
    return packed({"file": content})


def config(*layers: bytes, **more: Any) -> bytes:
    diff_ids = [digest(data) for data in layers]
    fields = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return json.dumps({**fields, **more}).encode()


def docker_archive(data: bytes, *layers: bytes, tags: object = ("a:1",)) -> dict[str, bytes]:
    paths = [f"{number}.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "c.json", "RepoTags": tags, "Layers": paths}]).encode()
    return {"c.json": data, **dict(zip(paths, layers, strict=True)), "manifest.json": manifest}


def descriptor(data: bytes, media_type: str, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


def blobs(*contents: bytes) -> dict[str, bytes]:
    return {"blobs/sha256/" + digest(data)[7:]: data for data in contents}


OCI = "application/vnd.oci.image."


def oci_image(data: bytes, *layers: tuple[bytes, str]) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "config": descriptor(data, OCI + "config.v1+json"),
            "layers": [descriptor(content, OCI + "layer.v1.tar" + suffix) for content, suffix in layers],
        }
    ).encode()


def oci_index(*entries: dict[str, object]) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": entries}).encode()


@pytest.mark.parametrize(
    ("name", "image_id", "tags"),
    [
        ("docker", TINY, ("tiny:1", "tiny:latest", "localhost:5000/team/tiny:x")),
        ("podman-docker", TINY, ("tiny:1",)),
        ("podman-oci", TINY_OCI, ("tiny:1",)),
        ("skopeo-docker", TINY, ("tiny:1",)),
        ("skopeo-oci", TINY_OCI, ()),
        ("skopeo-zstd", TINY_OCI, ("example.org/tiny:1",)),
    ],
)
def test_what_other_programs_wrote_is_loaded(engine: Engine, name: str, image_id: str, tags: tuple[str, ...]) -> None:
    loaded = load(engine, fixture(name))
    assert [found for found, _ in loaded] == [image_id]
    assert {tag.removeprefix("localhost/") for tag in loaded[0][1]} == set(tags)
    image = engine.images.get(image_id)
    assert image.config.config.labels == {"k": "v"}
    one, two = (engine.paths.layer(snapshot_id) for snapshot_id in image.layers)
    assert Path(one, "one").read_text() == "one\n"
    assert Path(two, "d/two").read_text() == "two\n"


def test_docker_s_documents_are_written_byte_for_byte(engine: Engine) -> None:
    theirs = fixture("docker")
    load(engine, theirs)
    ours = members(save(engine, "tiny", "localhost:5000/team/tiny:x"))
    wanted = members(theirs)
    for name in ("oci-layout", "index.json"):
        assert ours[name] == wanted[name]
    for name in ("manifest.json", "repositories"):
        assert json.loads(ours[name]) == json.loads(wanted[name])
    assert all(wanted[name] == content for name, content in ours.items() if name.startswith("blobs/"))


def test_a_saved_archive_gives_the_same_archive_when_it_is_loaded_and_saved(engine: Engine) -> None:
    load(engine, fixture("docker"))
    image_id = engine.images.import_rootfs(io.BytesIO(layer(b"mine" * 999)), "mine:1")
    names = ("tiny:1", "mine:1", image_id, "tiny:latest")
    first = save(engine, *names)
    engine.images.remove(TINY, force=True)
    engine.images.remove(image_id, force=True)
    assert os.listdir(engine.paths.layers) == []
    assert load(engine, first) == [(TINY, ("tiny:1", "tiny:latest")), (image_id, ("mine:1",))]
    assert save(engine, *names) == first


def test_a_name_without_a_tag_means_all_tags_and_an_id_none(engine: Engine) -> None:
    load(engine, fixture("docker"))
    engine.images.tag("tiny:1", "tiny:2")
    assert [entry["RepoTags"] for entry in json.loads(members(save(engine, "tiny"))["manifest.json"])] == [
        ["tiny:1", "tiny:latest", "tiny:2"]
    ]
    by_id = members(save(engine, TINY[7:19]))
    assert json.loads(by_id["manifest.json"])[0]["RepoTags"] is None
    assert "repositories" not in by_id
    assert [load(engine, packed(by_id))] == [[(TINY, ())]]
    for name, message in (("nope", "No such image: nope"), ("tiny:9", "No such image: tiny:9")):
        with pytest.raises(NotFound, match=f"^{message}$"):
            save(engine, "tiny:1", name)
    with pytest.raises(NotFound, match="no suitable export target found for platform linux/s390x"):
        engine.images.save(("tiny",), lambda piece: None, platform="linux/s390x")


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress, lambda data: data],
)
def test_a_compressed_archive_is_loaded(engine: Engine, compress: Callable[[bytes], bytes]) -> None:
    assert load(engine, compress(fixture("docker")))[0][0] == TINY


def test_layers_inside_may_be_compressed_and_linked(engine: Engine) -> None:
    one, two = layer(b"one"), layer(b"two")
    data = docker_archive(config(one, two, one), gzip.compress(one), zstandard.ZstdCompressor().compress(two))
    manifest = json.loads(data["manifest.json"])
    manifest[0]["Layers"].append("three/layer.tar")
    data["manifest.json"] = json.dumps(manifest).encode()
    loaded = load(engine, packed(data, {"three/layer.tar": "../0.tar"}))
    image = engine.images.get(loaded[0][0])
    assert len(image.layers) == 3 and image.layers[0] == image.layers[2]


def test_a_layer_that_is_here_need_not_be_in_the_archive(engine: Engine) -> None:
    whole = fixture("docker")
    load(engine, whole)
    image = engine.images.get(TINY)
    slim = {name: data for name, data in members(whole).items() if digest(data) not in image.config.diff_ids}
    engine.images.tag(TINY, "kept")
    assert load(engine, packed(slim))[0][0] == TINY
    with pytest.raises(Corrupt, match="no such file or directory"):
        engine.images.remove(TINY, force=True)
        load(engine, packed(slim))


def test_a_tag_moves_to_the_loaded_image_and_the_old_one_is_told_of(engine: Engine) -> None:
    one, two = layer(b"one"), layer(b"two")
    first = engine.images.load(io.BytesIO(packed(docker_archive(config(one), one))))[0]
    second = engine.images.load(io.BytesIO(packed(docker_archive(config(two), two))))[0]
    assert first.displaced == ()
    assert second.displaced == (("a:1", first.image_id),)
    assert engine.images.get("a:1").id == second.image_id
    assert engine.images.get(first.image_id).tags == ()


def test_of_an_image_for_several_platforms_the_host_s_or_the_wanted_one_is_loaded(engine: Engine) -> None:
    files: dict[str, bytes] = {}
    entries: list[dict[str, object]] = []
    for architecture in ("s390x", "amd64", "arm64"):
        content = layer(architecture.encode())
        data = config(content, architecture=architecture)
        manifest = oci_image(data, (gzip.compress(content, mtime=0), "+gzip"))
        files |= blobs(data, manifest, gzip.compress(content, mtime=0))
        platform = {"os": "linux", "architecture": architecture}
        entries.append(descriptor(manifest, OCI + "manifest.v1+json", platform=platform))
    attestation = b'{"schemaVersion":2,"config":{}}'
    unknown = {"os": "unknown", "architecture": "unknown"}
    entries.append(descriptor(attestation, OCI + "manifest.v1+json", platform=unknown))
    inner = oci_index(*entries)
    name = {"io.containerd.image.name": "docker.io/library/multi:1"}
    nested = oci_index(descriptor(inner, OCI + "index.v1+json", annotations=name))
    for index in (nested, oci_index(*({**entry, "annotations": name} for entry in entries))):
        archive = packed({**files, **blobs(inner, attestation), "index.json": index, "oci-layout": b"{}"})
        for wanted, expected in (("", "amd64"), ("linux/s390x", "s390x"), ("arm64", "arm64")):
            loaded = load(engine, archive, wanted)
            assert [tags for _, tags in loaded] == [("multi:1",)]
            assert engine.images.get("multi:1").config.architecture == expected
        with pytest.raises(NotFound, match="no matching manifest for linux/riscv64"):
            load(engine, archive, "linux/riscv64")
    assert len(engine.images.list()) == 3


def test_an_archive_of_an_old_docker_is_loaded(engine: Engine) -> None:
    one, two = layer(b"one"), layer(b"two")
    top = {
        "id": "b" * 64, "parent": "a" * 64, "created": "2014-05-01T00:00:00Z", "os": "linux", "architecture": "amd64",
        "author": "Ann", "config": {"Cmd": ["/bin/app"]}, "container_config": {"Cmd": ["/bin/sh", "-c", "make"]},
    }  # fmt: skip
    files = {
        "b/json": json.dumps({**top, "parent": "a"}).encode(),
        "b/layer.tar": two,
        "b/VERSION": b"1.0",
        "a/json": json.dumps({"id": "a", "created": "2014-04-01T00:00:00Z", "comment": "base"}).encode(),
        "a/layer.tar": one,
        "repositories": b'{"old/app":{"1":"b","latest":"b"}}',
    }
    assert [tags for _, tags in load(engine, packed(files))] == [("old/app:1", "old/app:latest")]
    image = engine.images.get("old/app:1")
    assert image.config.diff_ids == (digest(one), digest(two))
    assert image.config.config.cmd == ("/bin/app",)
    assert [(entry.created_by, entry.comment) for entry in image.config.history] == [
        ("", "base"),
        ("/bin/sh -c make", ""),
    ]
    files["a/json"] = b'{"parent":"b"}'
    with pytest.raises(Corrupt, match="chain of more than"):
        load(engine, packed(files))


ONE = layer(b"one")
ZIPPED_IMAGE = oci_image(config(ONE), (gzip.compress(ONE, mtime=0), "+gzip"))
HOSTILE: dict[str, tuple[dict[str, bytes], str]] = {
    "nothing": ({}, "manifest.json: no such file"),
    "not a list": ({"manifest.json": b"{}"}, "cannot be read: it is no list"),
    "cut json": ({"manifest.json": b'[{"Config":'}, "manifest.json cannot be read"),
    "deep json": ({"manifest.json": b"[" * 200_000}, "manifest.json cannot be read"),
    "no config": ({"manifest.json": b'[{"Layers":[]}]'}, "has no Config"),
    "odd layers": ({**docker_archive(config(ONE), ONE), "manifest.json": b'[{"Config":"c.json","Layers":[1]}]'},
                   "strings"),
    "config elsewhere": ({"manifest.json": b'[{"Config":"../../etc/passwd"}]'}, "no such file or directory"),
    "layer elsewhere": (
        {"c.json": config(ONE), "manifest.json": b'[{"Config":"c.json","Layers":["/etc/passwd"]}]'},
        "open etc/passwd: no such file",
    ),
    "other layer": (docker_archive(config(ONE), layer(b"two")), "invalid diffID for layer 0"),
    "more layers": (docker_archive(config(ONE), ONE, ONE), "layers length mismatch: expected 1, got 2"),
    "config is no config": (docker_archive(b'{"rootfs":{"diff_ids":["sha256:../.."]}}', ONE), "not a sha256 digest"),
    "bad name": (docker_archive(config(ONE), ONE, tags=["UPPER"]), "names an image 'UPPER'"),
    "bad tags": (docker_archive(config(ONE), ONE, tags=7), "RepoTags must be a list"),
    "windows": (docker_archive(config(ONE, os="windows"), ONE), "cannot load windows image on linux"),
    "a blob that lies": (
        {"blobs/sha256/" + "0" * 64: config(ONE), "manifest.json": b'[{"Config":"blobs/sha256/%s"}]' % (b"0" * 64)},
        "has the digest",
    ),
    "a layer that lies": (
        {**docker_archive(config(ONE), ONE),
         "blobs/sha256/" + "0" * 64: ONE,
         "manifest.json": b'[{"Config":"c.json","Layers":["blobs/sha256/%s"]}]' % (b"0" * 64)},
        "layer verification failed",
    ),
    "index of itself": ({"index.json": oci_index(), "blobs/x": b""}, ""),
    "index without its manifest": (
        {"index.json": oci_index(descriptor(b"x", OCI + "manifest.v1+json"))}, "no such file or directory",
    ),
    "manifest with another digest": (
        {"index.json": oci_index({**descriptor(b"{}", OCI + "manifest.v1+json"), "size": 3}), **blobs(b"{}")},
        "not what its digest says",
    ),
    "compressed layer with another digest": (
        {"index.json": oci_index(descriptor(ZIPPED_IMAGE, OCI + "manifest.v1+json")),
         **blobs(config(ONE), ZIPPED_IMAGE),
         "blobs/sha256/" + digest(gzip.compress(ONE, mtime=0))[7:]: gzip.compress(ONE, mtime=1)},
        "of the archive has the digest",
    ),
    "repositories": ({"repositories": b'{"a":{"1":"../../x"}}'}, "no such file"),
    "repositories of nothing": ({"repositories": b'{"a":1}'}, "has no tags"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_with_a_reason_and_leaves_nothing(engine: Engine, name: str) -> None:
    files, reason = HOSTILE[name]
    if reason:
        with pytest.raises(SampanError, match=reason) as caught:
            load(engine, packed(files))
        assert isinstance(caught.value, Corrupt | Unsupported)
    else:
        assert load(engine, packed(files)) == []
    assert engine.images.list() == []
    assert os.listdir(engine.paths.layers) == os.listdir(engine.paths.recipes) == []


def test_a_cut_archive_is_refused_wherever_it_is_cut(engine: Engine) -> None:
    whole = fixture("docker")
    for length in (0, 1, 511, 512, 3000, 8000, 12_000, 15_000):
        with pytest.raises(Corrupt):
            load(engine, whole[:length])
        assert os.listdir(engine.paths.layers) == []
    zipped = gzip.compress(whole)
    with pytest.raises(Corrupt, match="unexpected EOF"):
        load(engine, zipped[: len(zipped) // 2])


def test_a_document_that_is_too_large_is_not_kept(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from sampan.images.archive import members as reading

    monkeypatch.setattr(reading, "ALL_DOCUMENTS", 1000)
    with pytest.raises(Corrupt, match="documents are larger than 1000 bytes"):
        load(engine, packed({f"{number}.json": b"{" + b" " * 300 for number in range(4)}))


def test_a_broken_blob_that_no_image_has_does_no_harm(engine: Engine) -> None:
    files = {
        "chart.tgz": gzip.compress(b"no tar"),
        "cut.gz": gzip.compress(ONE)[:20],
        **docker_archive(config(ONE), ONE),
    }
    assert len(load(engine, packed(files))) == 1
    assert len(os.listdir(engine.paths.layers)) == 1


def test_links_that_lead_round_in_circles_end(engine: Engine) -> None:
    files = {"manifest.json": b'[{"Config":"a"}]'}
    with pytest.raises(Corrupt, match="no such file"):
        load(engine, packed(files, {"a": "b", "b": "a"}))
    assert contents.normal("/../a/./b/../../c//d") == "c/d"


def test_an_archive_s_blobs_are_told_before_they_come() -> None:
    saved = documents.Saved(b"{}", (documents.Layer("sha256:" + "1" * 64, 512),), ("docker.io/library/a:1",))
    names = list(documents.compose([saved]))
    assert names[:4] == ["oci-layout", "index.json", "manifest.json", "repositories"]
    assert all(name.startswith("blobs/sha256/") for name in names[4:])


def test_save_and_load_on_the_command_line(sampan: Sampan, tmp_path: Path) -> None:
    path = str(tmp_path / "a.tar")
    assert sampan("save", "-o", path, "busybox").out == ""
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["a.tar"]
    image_id = sampan("images", "-q", "--no-trunc").out.strip()
    piped = subprocess.run(sampan.command("save", "busybox"), stdout=subprocess.PIPE, check=True).stdout
    assert piped == Path(path).read_bytes()
    sampan("rmi", "busybox")
    assert sampan("load", "-i", path).out == "Loaded image: busybox:latest\n"
    assert sampan("images", "-q", "--no-trunc").out.strip() == image_id
    assert sampan("run", "--rm", "busybox", "echo", "fine").out == "fine\n"
    loaded = subprocess.run(sampan.command("load", "-q"), input=gzip.compress(piped), capture_output=True, check=True)
    assert loaded.stdout == b"Loaded image: busybox:latest\n"
    broken = sampan("load", "-i", path, "--platform", "linux/s390x", code=1)
    assert broken.err.startswith("the archive was found but does not provide the specified platform (linux/s390x)\n")
    remains.assert_none(sampan.root)


def test_an_image_with_the_same_layer_twice_runs(sampan: Sampan, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(subprocess.check_output(sampan.command("save", "busybox")))) as archive:
        saved = json.load(archive.extractfile("manifest.json") or io.BytesIO())[0]
        base, settings = (archive.extractfile(name) for name in (saved["Layers"][0], saved["Config"]))
        assert base is not None and settings is not None
        content, fields = base.read(), json.load(settings)
    one, hides = layer(b"one"), packed({".wh.file": b""})
    layers = (content, one, packed({}), hides, one, packed({}), content)
    made = config(*layers, config=fields["config"])
    (tmp_path / "a.tar").write_bytes(packed(docker_archive(made, *layers, tags=["twice:1"])))
    sampan("load", "-i", str(tmp_path / "a.tar"))
    assert sampan("run", "--rm", "twice:1", "cat", "/file").out == "one"
    assert sampan("image", "diff", "busybox", "twice:1").out.splitlines()[0] == "A /file"
    folder = sampan("image", "mount", "twice:1").out.strip()
    assert Path(folder, "file").read_text() == "one"
    sampan("image", "unmount", "twice:1")
    (tmp_path / "Dockerfile").write_text("FROM twice:1\nRUN echo two > /file\n")
    sampan("build", "-q", "-t", "more", str(tmp_path))
    assert sampan("run", "--rm", "more", "cat", "/file").out == "two\n"


def test_loads_saves_and_removals_at_once_leave_a_whole_store(sampan: Sampan, tmp_path: Path) -> None:
    path = str(CORPUS / "docker.tar.gz")
    for _ in range(3):
        at_once = [sampan.start("load", "-q", "-i", path) for _ in range(3)]
        at_once += [sampan.start("save", "-o", "/dev/null", "busybox"), sampan.start("rmi", "-f", TINY)]
        for process in at_once:
            process.communicate()
            assert process.returncode == 0
    assert sampan("load", "-q", "-i", path).out.startswith("Loaded image: ")
    assert sampan("system", "check").code == 0
    image = json.loads(sampan("image", "inspect", TINY).out)[0]
    assert image["RootFS"]["Layers"] == [
        "sha256:969f5f4a9208ec2b0e521fb29cea0c839a3880256913212ea6c058bb4338eb87",
        "sha256:433b25bee724c63f8339e925abf7c33eb58c64da28d57ac439858a2bfdd73d3d",
    ]
    sampan("rmi", "-f", TINY)
    remains.assert_none(sampan.root)
    assert len(os.listdir(sampan.root + "/layers")) == 1


class _Screen(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def test_progress_is_shown_on_a_terminal_alone() -> None:
    shown = []
    for is_terminal, quiet in ((True, False), (True, True), (False, False)):
        screen = _Screen(is_terminal)
        display = Display(screen, quiet=quiet)
        for count in (0, 500, 1000):
            display.show("blobs/sha256/" + "ab" * 32, count, 1000)
        display.show("1234567890abcdef/layer.tar", 0, 0)
        display.end()
        shown.append(screen.getvalue())
    lines = shown[0].split("\n")
    assert shown[1:] == ["", ""]
    assert lines[0].endswith("\r\033[Kabababababab: Loading layer  [" + "=" * 50 + "]  1kB/1kB")
    assert f"[{'=' * 25 + '>':<50}]  500B/1kB" in lines[0]
    assert lines[1].startswith("\r\033[K1234567890ab: Loading layer")


def test_a_layout_that_is_a_folder_is_loaded(sampan: Sampan, tmp_path: Path) -> None:
    for name in ("skopeo-oci", "podman-docker"):
        folder = tmp_path / name
        folder.mkdir()
        subprocess.run(["tar", "-x", "-C", str(folder)], input=fixture(name), check=True)
        assert sampan("load", "-q", "-i", str(folder)).out.startswith("Loaded image")
    assert sampan("system", "check").code == 0
    (tmp_path / "empty").mkdir()
    assert "is no image layout" in sampan("load", "-i", str(tmp_path / "empty"), code=1).err
    (tmp_path / "empty" / "index.json").write_text("{")
    assert "cannot be read" in sampan("load", "-i", str(tmp_path / "empty"), code=1).err
