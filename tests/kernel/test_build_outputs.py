"""Where the result of a build goes: folders, archives, registries, and what is told about it."""

import base64
import io
import json
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.testing.command import Sampan
from sampan.testing.serving import OCI_MANIFEST, Served, serving

DOCKERFILE = """FROM busybox AS build
RUN mkdir -p /x/sub && echo hi > /x/sub/file && ln -s /etc/passwd /x/link && ln /x/sub/file /x/hard \
 && mknod /x/null c 1 3 && chown 1000:1000 /x/sub/file && chmod 2750 /x/sub
FROM scratch
COPY --from=build /x /
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(str(tmp_path_factory.mktemp("registry"))) as served:
        yield served


@pytest.fixture
def context(tmp_path: Path) -> str:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return str(folder)


def archive_of(sampan: Sampan, *arguments: str) -> list[tarfile.TarInfo]:
    """What a build writes to standard output."""
    done = subprocess.run(sampan.command("build", *arguments), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return tarfile.open(fileobj=io.BytesIO(done.stdout)).getmembers()


def images(sampan: Sampan) -> list[str]:
    return sampan("images", "-a", "--format", "{{.Repository}}:{{.Tag}}").out.split()


@pytest.mark.parametrize("option", ["out", "type=local,dest=out"])
def test_files_go_to_a_folder_of_the_caller(sampan: Sampan, context: str, tmp_path: Path, option: str) -> None:
    sampan("build", "-o", option, context, cwd=str(tmp_path))
    out = tmp_path / "out"
    assert (out / "sub/file").read_text() == "hi\n"
    assert os.readlink(out / "link") == "/etc/passwd"
    found = os.stat(out / "sub/file")
    assert (found.st_uid, found.st_ino) == (os.getuid(), os.stat(out / "hard").st_ino)
    assert stat.S_IMODE(os.stat(out / "sub").st_mode) == 0o2750
    assert images(sampan) == ["busybox:latest"]


def test_an_image_puts_no_device_onto_the_host(sampan: Sampan, context: str, tmp_path: Path) -> None:
    sampan("build", "-o", str(tmp_path / "out"), context)
    assert not os.path.lexists(tmp_path / "out/null")


def test_what_is_in_the_folder_stays_and_a_link_in_it_leads_nowhere(
    sampan: Sampan, context: str, tmp_path: Path
) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "mine").write_text("mine")
    sampan("build", "-o", str(out), context)
    assert (out / "mine").read_text() == "mine"
    subprocess.run(["rm", "-r", str(out / "sub")], check=True)
    (out / "sub").symlink_to(elsewhere)
    sampan("build", "-o", str(out), context, code=None)
    assert os.listdir(elsewhere) == []


@pytest.mark.parametrize("option", ["-", "type=tar", "type=tar,dest=-"])
def test_files_go_to_standard_output_as_a_tar(sampan: Sampan, context: str, option: str) -> None:
    members = {member.name: member for member in archive_of(sampan, "-o", option, context)}
    assert set(members) == {"sub", "sub/file", "link", "hard", "null"}
    owners = {members[name].uid for name in ("sub/file", "hard") if members[name].isreg()}
    assert owners == {1000} and members["null"].ischr()


def test_an_archive_of_an_image_is_loaded_and_the_image_is_not_kept(
    sampan: Sampan, context: str, tmp_path: Path
) -> None:
    for kind in ("oci", "docker"):
        file = str(tmp_path / kind)
        sampan("build", "-t", f"made:{kind}", "-o", f"type={kind},dest={file}", context)
        assert images(sampan) == ["busybox:latest"]
        assert "Loaded image: made:" + kind in sampan("load", "-i", file).out
        sampan("rmi", "made:" + kind)


def test_a_layout_is_written_as_a_folder(sampan: Sampan, context: str, tmp_path: Path) -> None:
    sampan("build", "-t", "made", "-o", f"type=oci,dest={tmp_path}/layout,tar=false", context)
    (entry,) = json.loads((tmp_path / "layout/index.json").read_text())["manifests"]
    blob = tmp_path / "layout/blobs/sha256" / entry["digest"].partition(":")[2]
    assert json.loads(blob.read_text())["mediaType"] == OCI_MANIFEST


def test_several_outputs_get_the_same_result(sampan: Sampan, context: str, tmp_path: Path) -> None:
    outputs = ["-o", str(tmp_path / "out"), "-o", f"type=tar,dest={tmp_path}/x.tar", "-o", "type=image,name=other:1"]
    sampan("build", "-t", "made:1", *outputs, context)
    assert (tmp_path / "out/hard").exists() and (tmp_path / "x.tar").exists()
    assert {"made:1", "other:1"} <= set(images(sampan))


def test_nothing_but_the_cache_is_filled(sampan: Sampan, context: str) -> None:
    sampan("build", "-t", "made", "-o", "type=cacheonly", context)
    assert images(sampan) == ["busybox:latest"]
    printed = sampan("build", "--progress", "plain", context).err
    assert "COPY --from=build" in printed and printed.count("CACHED") == 3


@pytest.mark.parametrize("option", [["--push"], ["-o", "type=registry"], ["-o", "type=image,push=true"]])
def test_an_image_is_pushed(sampan: Sampan, context: str, registry: Served, tmp_path: Path, option: list[str]) -> None:
    name = f"{registry.host}/pushed{len(option)}{len(option[-1])}"
    sampan("build", "-t", name, "--metadata-file", str(tmp_path / "md"), *option, context)
    digest = json.loads((tmp_path / "md").read_text())["containerimage.digest"]
    found = registry("HEAD", f"/v2/{name.partition('/')[2]}/manifests/latest", headers={"Accept": "*/*"})
    assert found.headers["Docker-Content-Digest"] == digest


def test_metadata_is_written_as_buildx_does(sampan: Sampan, context: str, tmp_path: Path) -> None:
    printed = sampan("build", "-q", "-t", "m", "-t", "n:1", "--metadata-file", str(tmp_path / "md"), context).out
    text = (tmp_path / "md").read_text()
    found = json.loads(text)
    assert found.pop("buildx.build.ref").startswith("default/default/")
    assert found == {
        "containerimage.config.digest": printed.strip(),
        "containerimage.digest": printed.strip(),
        "image.name": "docker.io/library/m,docker.io/library/n:1",
    }
    assert text.startswith('{\n  "') and not text.endswith("\n")


def test_an_image_id_is_written_to_a_file(sampan: Sampan, context: str, tmp_path: Path) -> None:
    printed = sampan("build", "-q", "--iidfile", str(tmp_path / "id"), context).out
    assert (tmp_path / "id").read_text() == printed.strip()


def test_progress_is_told_as_json(sampan: Sampan, context: str) -> None:
    documents = [json.loads(line) for line in sampan("build", "--progress", "rawjson", context).err.splitlines()]
    vertexes = {vertex["digest"]: vertex for one in documents for vertex in one.get("vertexes", ())}
    assert all(vertex["completed"] >= vertex["started"] for vertex in vertexes.values())
    assert {"exporting to image", "[stage-1 1/1] COPY --from=build /x /"} <= {one["name"] for one in vertexes.values()}
    assert all(status["vertex"] in vertexes for one in documents for status in one.get("statuses", ()))


def test_output_of_commands_and_failures_are_told_as_json(sampan: Sampan, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo said && exit 3\n")
    lines = sampan("build", "--progress", "rawjson", str(tmp_path), code=1).err.splitlines()
    documents = [json.loads(line) for line in lines if line.startswith("{")]
    (log,) = [log for one in documents for log in one.get("logs", ())]
    assert (base64.b64decode(log["data"]), log["stream"]) == (b"said\n", 1)
    assert any("exit code: 3" in vertex.get("error", "") for one in documents for vertex in one.get("vertexes", ()))


def test_the_steps_of_named_stages_are_done_again(sampan: Sampan, context: str) -> None:
    sampan("build", context)
    printed = sampan("build", "--progress", "plain", "--no-cache-filter", "other,build", context).err
    again = [line for line in printed.split("\n") if "RUN mkdir" in line]
    number = again[0].partition(" ")[0]
    assert f"{number} DONE" in printed and f"{number} CACHED" not in printed


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("type=nope", 'exporter "nope" could not be found'),
        ("type=local", "dest is required for local exporter"),
        ("dest=x", "type is required for output"),
        ("type=registry", "tag is needed when pushing to registry"),
        ("type=oci,dest=.", "destination file is a directory: ."),
        ("type=tar,dest=/nonexistent/x", "cannot write /nonexistent/x: no such file or directory"),
        ("type=oci,dest=x,compression=zstd", "compression zstd is not supported"),
        ("type=oci,dest=x,compression=gzip", "archives hold layers uncompressed"),
        ("type=tar,dest=x,nope=1", "unknown field nope in --output"),
        ("/dev/null", "destination directory must be a directory: /dev/null"),
    ],
)
def test_a_wrong_output_is_told(sampan: Sampan, context: str, tmp_path: Path, option: str, message: str) -> None:
    assert message in sampan("build", "-o", option, context, code=1, cwd=str(tmp_path)).err
    assert os.listdir(tmp_path) == ["context"]
