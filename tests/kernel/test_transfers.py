"""Images to and from a registry, as docker does it; and killed at every point on the way."""

import base64
import json
import os
import re
import ssl
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.registry.accounts import Accounts
from sampan.registry.client import Client
from sampan.registry.failures import Unreachable
from sampan.registry.transport import Options
from sampan.testing import remains
from sampan.testing.command import Sampan
from sampan.testing.faults import kill_at, passes, thinned
from sampan.testing.interference import interfering
from sampan.testing.registries import registry

DOCKERFILE = 'FROM busybox\nCOPY one /\nCOPY two /\nCMD ["echo", "ran"]\n'


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry's host:port."""
    with registry(str(tmp_path_factory.mktemp("registry"))) as made:
        yield made


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of config.json, empty."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def build(sampan: Sampan, folder: Path, name: str) -> str:
    """An image of three layers; its ID."""
    (folder / "one").write_bytes(os.urandom(200_000))
    (folder / "two").write_text("two")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return sampan("build", "-q", "-t", name, str(folder)).out.strip()


def remove_all(sampan: Sampan) -> None:
    sampan("rmi", "-f", *dict.fromkeys(sampan("images", "-q").out.split()), code=None)
    sampan("image", "prune", "-a", "-f")


def shapes(text: str) -> list[str]:
    return [re.sub(r"[0-9a-f]{64}|\b[0-9a-f]{12}\b", "ID", line) for line in text.splitlines()]


def test_what_is_pushed_is_pulled_again(sampan: Sampan, host: str, config: Path, tmp_path: Path) -> None:
    name = f"{host}/team/app:1.0"
    image = build(sampan, tmp_path, name)
    first = sampan("push", name)
    assert shapes(first.out)[0] == f"The push refers to repository [{host}/team/app]"
    assert sorted(shapes(first.out)[1:7]) == ["ID: Preparing"] * 3 + ["ID: Pushed"] * 3
    digest = re.search(r"^1\.0: digest: (sha256:[0-9a-f]{64}) size: \d+$", first.out, re.MULTILINE)
    assert digest is not None
    again = sampan("push", name)
    assert shapes(again.out)[4:7] == ["ID: Layer already exists"] * 3
    assert again.out.splitlines()[-1] == first.out.splitlines()[-1]
    assert sampan("push", "-q", name).out == f"{name}\n"
    sampan("tag", name, f"{host}/other/app:2")
    assert shapes(sampan("push", f"{host}/other/app:2").out)[4:7] == ["ID: Mounted from team/app"] * 3
    remove_all(sampan)
    pulled = sampan("pull", name)
    assert pulled.out.splitlines()[0] == "1.0: Pulling from team/app"
    # What the build cache holds is here already.
    assert shapes(pulled.out).count("ID: Pull complete") == 1
    assert shapes(pulled.out).count("ID: Already exists") == 2
    assert pulled.out.splitlines()[-3:] == [
        f"Digest: {digest[1]}",
        f"Status: Downloaded newer image for {name}",
        name,
    ]
    assert sampan("images", "-q", "--no-trunc").out.strip() == image
    assert digest[1] in sampan("images", "--digests").out
    assert sampan("pull", name).out.splitlines()[-2] == f"Status: Image is up to date for {name}"
    by_digest = sampan("pull", f"{host}/team/app@{digest[1]}").out.splitlines()
    assert by_digest[0] == f"{host}/team/app@{digest[1]}: Pulling from team/app"
    assert by_digest[-2] == f"Status: Image is up to date for {host}/team/app@{digest[1]}"
    # A name that is not here is news, also of an image that is.
    sampan("tag", image, "kept:1")
    sampan("rmi", name)
    assert sampan("pull", name).out.splitlines()[-2] == f"Status: Downloaded newer image for {name}"
    assert sampan("push", name).out.splitlines()[-1] == first.out.splitlines()[-1]
    assert sampan("system", "check").code == 0


def test_all_tags_come_and_go(sampan: Sampan, host: str, config: Path) -> None:
    for tag in ("a", "b"):
        sampan("tag", "busybox", f"{host}/many:{tag}")
    assert sampan("push", "-a", f"{host}/many").out.count("digest: sha256:") == 2
    remove_all(sampan)
    pulled = sampan("pull", "-a", f"{host}/many").out.splitlines()
    assert [line for line in pulled if "Pulling from" in line] == ["a: Pulling from many", "b: Pulling from many"]
    assert pulled[-2:] == [f"Status: Downloaded newer image for {host}/many", f"{host}/many"]
    assert sampan("pull", "-a", f"{host}/many:a", code=1).err == "tag can't be used with --all-tags/-a\n"


def test_run_and_build_fetch_what_is_missing(sampan: Sampan, host: str, config: Path, tmp_path: Path) -> None:
    name = f"{host}/run/app:1"
    build(sampan, tmp_path, name)
    sampan("push", name)
    remove_all(sampan)
    assert "No such image" in sampan("run", "--pull", "never", name, code=125).err
    ran = sampan("run", "--rm", name)
    assert ran.out == "ran\n"
    assert ran.err.splitlines()[:2] == [f"Unable to find image '{name}' locally", "1: Pulling from run/app"]
    assert "up to date" in sampan("run", "--rm", "--pull", "always", name).err
    remove_all(sampan)
    (tmp_path / "Dockerfile").write_text(f"FROM {name}\nCOPY two /three\n")
    sampan("build", "-t", "made", str(tmp_path))
    remove_all(sampan)
    assert "forbids" in sampan("--offline", "run", name, code=125).err


def test_what_is_not_there_is_told_as_docker_tells_it(sampan: Sampan, host: str, config: Path) -> None:
    prefix = "Error response from daemon: "
    missing = sampan("pull", f"{host}/nope", code=1)
    assert missing.out == "Using default tag: latest\n"
    assert missing.err.splitlines()[0].startswith(f"{prefix}manifest for {host}/nope:latest not found: ")
    assert sampan("push", f"{host}/nope:1", code=1).err.splitlines()[0] == (
        f"An image does not exist locally with the tag: {host}/nope"
    )
    refused = sampan("pull", "localhost:1/x", code=1).err.splitlines()[0]
    assert re.fullmatch(rf'{prefix}Get "http://localhost:1/v2/": dial tcp .*:1: connect: connection refused', refused)


def test_a_registry_is_searched_by_name(sampan: Sampan, host: str, config: Path) -> None:
    sampan("tag", "busybox", f"{host}/found/here:1")
    sampan("push", f"{host}/found/here:1")
    assert sampan("search", "--format", "{{.Name}}", f"{host}/found").out == f"{host}/found/here\n"
    assert sampan("search", f"{host}/nothing-of-that").out == "NAME      DESCRIPTION   STARS     OFFICIAL\n"


def test_a_pull_by_digest_whose_layers_are_here_costs_one_request(
    sampan: Sampan, host: str, config: Path, tmp_path: Path
) -> None:
    with interfering(host) as (through, plan):
        build(sampan, tmp_path, f"{through}/one:1")
        digest = sampan("push", f"{through}/one:1").out.splitlines()[-1].split()[2]
        plan.set()
        sampan("pull", f"{through}/one@{digest}")
        assert len(plan.seen) == 1


def test_a_pull_by_tag_whose_image_is_here_costs_one_request(sampan: Sampan, host: str, config: Path) -> None:
    with interfering(host) as (through, plan):
        sampan("tag", "busybox", f"{through}/same:1")
        sampan("push", f"{through}/same:1")
        plan.set()
        assert "Image is up to date" in sampan("pull", f"{through}/same:1").out
        assert len(plan.seen) == 1


@pytest.mark.parametrize("verb", ["pull", "push"])
def test_a_transfer_killed_at_any_point_leaves_a_whole_store(
    sampan: Sampan, host: str, config: Path, tmp_path: Path, verb: str
) -> None:
    name = f"{host}/killed/{verb}:1"
    with tarfile.open(tmp_path / "files.tar", "w") as written:
        written.add(__file__, "file")
    sampan("import", str(tmp_path / "files.tar"), name)
    if verb == "pull":
        sampan("push", name)
        sampan("rmi", "-f", name)
    found = thinned(passes(sampan, verb, name), 1)
    assert {f"{verb}.configured", f"{verb}.layers", f"{verb}.layer"} <= {moment.name for moment in found}
    for index, moment in enumerate(found):
        target = name if verb == "pull" else f"{host}/killed/{verb}{index}:1"
        sampan(*(("rmi", "-f", name) if verb == "pull" else ("tag", name, target)))
        kill_at(sampan, moment, verb, target)
        checked = sampan("system", "check", code=None)
        assert checked.code == 0, f"killed at {moment}:\n{checked.out}{checked.err}"
        remains.assert_none(sampan.root)
        sampan(verb, target)


# Accounts


def test_login_and_logout_keep_and_forget_an_account(sampan: Sampan, host: str, config: Path) -> None:
    done = sampan("login", "-u", "me", "--password-stdin", host, stdin="secret\n")
    assert done.out == "Login Succeeded\n"
    assert "stored unencrypted" in done.err
    document = json.loads((config / "config.json").read_text())
    assert base64.b64decode(document["auths"][host]["auth"]) == b"me:secret"
    assert sampan("logout", host).out == f"Removing login credentials for {host}\n"
    assert json.loads((config / "config.json").read_text())["auths"] == {}


def test_a_login_that_lacks_something_is_told_as_docker_tells_it(sampan: Sampan, config: Path) -> None:
    interactive = "Error: Cannot perform an interactive login from a non TTY device\n"
    assert sampan("login", "-u", "x", code=1).err == interactive
    required = "the --password-stdin option requires --username to be set\n"
    assert sampan("login", "--password-stdin", "localhost:1", code=1).err == required
    refused = sampan("login", "-u", "x", "-p", "y", "localhost:1", code=1).err.splitlines()
    assert refused[0] == "WARNING! Using --password via the CLI is insecure. Use --password-stdin."
    assert refused[1].startswith('Error response from daemon: Get "http://localhost:1/v2/": dial tcp')


# Lists of manifests


def test_a_list_is_put_together_annotated_and_pushed(sampan: Sampan, host: str, config: Path, tmp_path: Path) -> None:
    one, listed = f"{host}/lists/one:1", f"{host}/lists/all:1"
    build(sampan, tmp_path, one)
    digest = sampan("push", one).out.splitlines()[-1].split()[2]
    assert sampan("manifest", "create", listed, one).out == f"Created manifest list {listed}\n"
    assert "--amend" in sampan("manifest", "create", listed, one, code=1).err
    assert sampan("manifest", "annotate", "--arch", "zzz", listed, one, code=1).err.startswith(
        "manifest entry for image has unsupported os/arch combination: /zzz\n"
    )
    sampan("manifest", "annotate", "--arch", "arm64", "--variant", "v8", listed, one)
    shown = json.loads(sampan("manifest", "inspect", listed).out)
    assert shown["manifests"][0]["platform"] == {"architecture": "arm64", "os": "linux", "variant": "v8"}
    assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", sampan("manifest", "push", "--purge", listed).out)
    assert sampan("manifest", "rm", listed, code=1).err.startswith(f"No such manifest: {listed}\n")
    assert json.loads(sampan("manifest", "inspect", listed).out)["manifests"][0]["digest"] == digest
    verbose = json.loads(sampan("manifest", "inspect", "-v", listed).out)
    assert verbose[0]["Descriptor"]["platform"]["architecture"] == "arm64"
    assert "no matching manifest for" in sampan("pull", "--platform", "linux/s390x", listed, code=1).err
    assert (
        sampan("manifest", "inspect", f"{host}/lists/none:1", code=1).err == f"no such manifest: {host}/lists/none:1\n"
    )


# Mirrors


def test_mirrors_are_asked_first_and_passed_over_when_they_fail(
    sampan: Sampan, host: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry that is named does not exist: what comes, comes from the mirror."""
    name = f"{host}/mirrored/app:1"
    build(sampan, tmp_path, name)
    sampan("push", name)
    remove_all(sampan)
    settings = tmp_path / "settings.toml"
    mirrors = f'["http://127.0.0.1:1", "http://{host}/nothing", "http://{host}/mirrored"]'
    settings.write_text(f'[[registries]]\nname = "nowhere.invalid/team"\nmirrors = {mirrors}\n')
    monkeypatch.setenv("SAMPAN_CONFIG", str(settings))
    monkeypatch.setenv("SAMPAN_REGISTRY_PATIENCE", "1,2,2,0.01")
    assert "Pull complete" in sampan("pull", "nowhere.invalid/team/app:1").out
    assert "no such host" in sampan("pull", "nowhere.invalid/other/app:1", code=1).err
    assert "no such host" in sampan("push", "nowhere.invalid/team/app:1", code=1).err


# TLS


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of its own authority for 127.0.0.1, and its key."""
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:registry.test"]
    subprocess.run(
        [*words, "-keyout", str(key), "-out", str(made), "-days", "2", *names], check=True, capture_output=True
    )
    return made, key


def test_a_certificate_is_verified_against_certs_d(
    sampan: Sampan, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, key = certificate(tmp_path, "own")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    with registry(str(tmp_path / "store")) as plain, interfering(plain, tls=context) as (through, _):
        sampan("tag", "busybox", f"{through}/app:1")
        sampan("push", f"{through}/app:1")  # this host: TLS is found out, and anybody's certificate is taken
        port = through.rpartition(":")[2]
        monkeypatch.setenv("SAMPAN_REGISTRY_PATIENCE", "1,2,2,0.01")
        strict = Client(Options("test", certificate_places=(str(tmp_path / "certs.d"),)), Accounts(str(config)))
        with strict as client:
            url = f"https://127.0.0.1:{port}/v2/"
            with pytest.raises(Unreachable, match="x509"):
                client.transport.send("GET", url, attempts=1)
        trusted = tmp_path / "certs.d" / f"127.0.0.1:{port}"
        trusted.mkdir(parents=True)
        (trusted / "ca.crt").write_text(made.read_text())
        strict = Client(Options("test", certificate_places=(str(tmp_path / "certs.d"),)), Accounts(str(config)))
        with strict as client:
            assert client.transport.send("GET", url, attempts=1).status == 200
