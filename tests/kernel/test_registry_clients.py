"""Other people's programs push to a registry and pull from it, where they are installed: docker, skopeo, podman, and
as libraries of Python oras (`oras`) and helm (`helm-python-sdk`). Which of them are missing is printed."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from sampan.registry.server.directory import Directory
from sampan.registry.server.verification import verify
from sampan.testing.command import Sampan
from sampan.testing.registries import has_peer, registry
from sampan.testing.serving import PROGRAM, serving


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_programs_of_others_push_pull_and_delete(sampan: Sampan, tmp_path: Path) -> None:
    store, archive = str(tmp_path / "store"), str(tmp_path / "image.tar")
    sampan("save", "-o", archive, "busybox:latest")
    added = [PROGRAM, "registry", "users", "--store", store, "add", "ann", "--password-stdin"]
    subprocess.run(added, input="secret", text=True, check=True)
    for auth in ("basic", "token"):
        with serving(store, "--auth", auth) as served:
            if shutil.which("skopeo"):
                use_skopeo(served.host, archive, str(tmp_path / auth))
            if shutil.which("podman"):
                use_podman(served.host, archive, f"podman-{auth}")
            use_sampan(sampan, served.host, str(tmp_path / "client"))
    assert verify(Directory(store)).problems == []


def use_skopeo(host: str, archive: str, folder: str) -> None:
    place = f"docker://{host}/skopeo/tool"
    source, target = (
        ["--src-tls-verify=false", "--src-creds=ann:secret"],
        ["--dest-tls-verify=false", "--dest-creds=ann:secret"],
    )
    run("skopeo", "copy", *target, f"docker-archive:{archive}", f"{place}:docker")
    run(
        "skopeo",
        "copy",
        *source,
        *target,
        "--format=oci",
        "--dest-compress-format=zstd",
        f"{place}:docker",
        f"{place}:oci",
    )
    run("skopeo", "copy", *source, f"{place}:oci", f"dir:{folder}")
    login = ["--tls-verify=false", "--creds=ann:secret"]
    assert json.loads(run("skopeo", "list-tags", *login, place))["Tags"] == ["docker", "oci"]
    run("skopeo", "delete", *login, f"{place}:oci")
    assert json.loads(run("skopeo", "list-tags", *login, place))["Tags"] == ["docker"]


def use_podman(host: str, archive: str, name: str) -> None:
    login = ["--tls-verify=false", "--creds=ann:secret"]
    loaded = run("podman", "load", "-q", "-i", archive).strip().rpartition(" ")[2]
    place = f"{host}/podman/{name}:1"
    try:
        run("podman", "tag", loaded, place)
        run("podman", "push", *login, place)
        run("podman", "rmi", place)
        run("podman", "pull", "-q", *login, place)
    finally:
        subprocess.run(["podman", "rmi", "-f", place, loaded], capture_output=True, check=False)


def use_sampan(sampan: Sampan, host: str, folder: str) -> None:
    place = f"{host}/sampan/tool:1"
    client = Sampan(sampan.root)
    client("--config", folder, "login", "-u", "ann", "--password-stdin", host, stdin="secret")
    client("tag", "busybox:latest", place)
    client("--config", folder, "push", "-q", place)
    client("rmi", place)
    client("--config", folder, "pull", "-q", place)
    assert client("run", "--rm", place, "echo", "pulled").out == "pulled\n"
    client("rmi", place)


def is_there(program: str) -> bool:
    """Whether a program is installed; the reason is printed where a test does without it."""
    found = shutil.which(program) is not None
    if not found:
        print(f"{program} is not installed: the test goes on without it")
    return found


def is_importable(module: str, package: str) -> bool:
    found = importlib.util.find_spec(module) is not None
    if not found:
        print(f"the Python package {package} is not installed: the test goes on without it")
    return found


def test_what_sampan_pushed_is_the_same_for_others_in_each_registry(sampan: Sampan, tmp_path: Path) -> None:
    """Debian's docker-registry and our own: the image has one digest in both, and comes back whole from both."""
    digests, kinds = set(), [True, *([False] if has_peer() else [])]
    for is_own in kinds:
        with registry(str(tmp_path / f"own-{is_own}"), own=is_own) as host:
            place = f"{host}/sampan/tool:1"
            sampan("tag", "busybox:latest", place)
            pushed = sampan("push", place).out.splitlines()[-1].split()[2]
            sampan("rmi", place)
            digests.add(pushed)
            if is_there("skopeo"):
                shown = run("skopeo", "inspect", "--tls-verify=false", f"docker://{host}/sampan/tool:1")
                assert json.loads(shown)["Digest"] == pushed
                copied = f"docker://{host}/skopeo/copy:oci"
                flags = ["--src-tls-verify=false", "--dest-tls-verify=false", "--format=oci"]
                run("skopeo", "copy", "-q", *flags, f"docker://{host}/sampan/tool:1", copied)
                sampan("pull", "-q", f"{host}/skopeo/copy:oci")
                sampan("rmi", f"{host}/skopeo/copy:oci")
            sampan("pull", "-q", place)
            assert sampan("run", "--rm", place, "echo", "pulled").out == "pulled\n"
            sampan("rmi", place)
    assert len(digests) == 1


def test_docker_pushes_and_pulls(sampan: Sampan, tmp_path: Path) -> None:
    if not is_there("docker") or subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        print("no Docker Engine answers: the test goes on without it")
        return
    archive = str(tmp_path / "image.tar")
    with serving(str(tmp_path / "store")) as served:
        place = f"{served.host}/docker/tool:1"
        sampan("tag", "busybox:latest", place)
        sampan("save", "-o", archive, place)
        run("docker", "load", "-q", "-i", archive)
        try:
            pushed = subprocess.run(["docker", "push", "-q", place], capture_output=True, text=True, check=False)
            if "connection refused" in pushed.stderr:
                print("the Docker Engine has another loopback than the test: it goes on without it")
                return
            assert pushed.returncode == 0, pushed.stderr
            run("docker", "rmi", place)
            run("docker", "pull", "-q", place)
        finally:
            subprocess.run(["docker", "rmi", "-f", place], capture_output=True, check=False)
        sampan("rmi", place)
        sampan("pull", "-q", place)
    assert verify(Directory(str(tmp_path / "store"))).problems == []


ORAS = """
import oras.client, oras.oci, os, requests, sys
host, out = sys.argv[1:]
place = f"{host}/oras/art"
client = oras.client.OrasClient(insecure=True, hostname=host)
open("a.txt", "w").write("artifact")
pushed = client.push(target=f"{place}:v1", files=["a.txt"])
digest = pushed.headers["Docker-Content-Digest"]
client.pull(target=f"{place}:v1", outdir=out)
assert open(f"{out}/a.txt").read() == "artifact"
kind = client.get_manifest(f"{place}:v1")["mediaType"]
subject = oras.oci.Subject(mediaType=kind, digest=digest, size=len(pushed.request.body))
open("sbom.json", "w").write("{}")
attached = client.push(target=f"{place}:sbom", files=["sbom.json:application/json"], subject=subject)
assert attached.headers["OCI-Subject"] == digest
referrers = requests.get(f"http://{host}/v2/oras/art/referrers/{digest}").json()["manifests"]
assert [item["digest"] for item in referrers] == [attached.headers["Docker-Content-Digest"]]
assert client.get_tags(place) == ["sbom", "v1"]
assert client.delete_tags(place, ["sbom"]) == ["sbom"] and client.get_tags(place) == ["v1"]
"""

HELM = r"""
import helm_python as helm, os, sys
host, out = sys.argv[1:]
os.makedirs("tool/templates")
open("tool/Chart.yaml", "w").write("apiVersion: v2\nname: tool\nversion: 1.2.3\n")
open("tool/templates/a.yaml", "w").write("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
chart = helm.package("tool", destination=".")
helm.push(chart, f"oci://{host}/charts", plain_http=True)
assert helm.RegistryClient(plain_http=True).tags(f"{host}/charts/tool") == ["1.2.3"]
helm.pull(f"oci://{host}/charts/tool", version="1.2.3", destination=out, plain_http=True)
assert open(f"{out}/tool-1.2.3.tgz", "rb").read() == open(chart, "rb").read()
"""


def test_artifacts_of_oras_and_charts_of_helm_are_kept(tmp_path: Path) -> None:
    programs = ((ORAS, "oras", "oras"), (HELM, "helm_python", "helm-python-sdk"))
    with serving(str(tmp_path / "store")) as served:
        for text, module, package in programs:
            if is_importable(module, package):
                folder = tmp_path / module
                os.makedirs(folder / "out")
                words = [sys.executable, "-c", text, served.host, str(folder / "out")]
                done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
                assert done.returncode == 0, done.stdout + done.stderr
    assert verify(Directory(str(tmp_path / "store"))).problems == []
