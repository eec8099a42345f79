"""Other people's programs push to a registry and pull from it: skopeo and podman, where they are installed."""

import json
import shutil
import subprocess
from pathlib import Path

from sampan.registry.server.directory import Directory
from sampan.registry.server.verification import verify
from sampan.testing.command import Sampan
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
