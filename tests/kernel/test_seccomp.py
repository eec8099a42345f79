"""The seccomp filter that is handed to crun is the one that crun makes of the profile, and it is in force."""

import base64
import json
import os
from pathlib import Path

import pytest

from sampan.runtime import seccomp
from sampan.storage.paths import paths_of
from sampan.testing.command import Sampan

STATUS = ("grep", "-E", "Seccomp|NoNewPrivs|CapEff", "/proc/self/status")


def compiled(sampan: Sampan) -> dict[str, bytes]:
    folder = Path(paths_of(sampan.root).run + "/seccomp")
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


@pytest.mark.parametrize(
    "options", [(), ("--cap-add", "SYS_ADMIN"), ("--cap-drop", "ALL")], ids=lambda o: " ".join(o) or "default"
)
def test_the_kept_filter_equals_the_one_made_anew(sampan: Sampan, options: tuple[str, ...]) -> None:
    before = set(compiled(sampan))
    sampan("run", "--rm", *options, "busybox", "true")
    made = {name: data for name, data in compiled(sampan).items() if name not in before}
    (name,) = made
    # The second start is given the kept one; its filter, as crun writes it down again, is the same.
    sampan("run", "-d", "--name", "box", *options, "busybox", "sleep", "100000")
    container_id = sampan("inspect", "-f", "{{.Id}}", "box").out.strip()
    spec = json.loads(Path(f"{sampan.root}/containers/{container_id}/config.json").read_text())
    assert base64.b64decode(spec["annotations"][seccomp.ANNOTATION]) == made[name]
    os.unlink(f"{paths_of(sampan.root).run}/seccomp/{name}")
    sampan("run", "--rm", *options, "busybox", "true")
    assert compiled(sampan)[name] == made[name]


def test_run_exec_and_build_steps_are_filtered(sampan: Sampan, tmp_path: Path) -> None:
    for _ in range(2):  # compiled, then kept
        assert "Seccomp:\t2" in sampan("run", "--rm", "busybox", *STATUS).out
    sampan("run", "-d", "--name", "box", "busybox", "sleep", "100000")
    assert "Seccomp:\t2" in sampan("exec", "box", *STATUS).out
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox\nRUN grep -q 'Seccomp:.2' /proc/self/status && ! unshare -U true\n"
    )
    sampan("build", "--no-cache", str(tmp_path))
    assert sampan("run", "--rm", "busybox", "unshare", "-U", "true", code=None).code != 0
    assert "Seccomp:\t0" in sampan("run", "--rm", "--security-opt", "seccomp=unconfined", "busybox", *STATUS).out
    assert "Seccomp:\t0" in sampan("run", "--rm", "--privileged", "busybox", *STATUS).out


def test_the_default_capabilities_are_dockers_fourteen(sampan: Sampan) -> None:
    assert "CapEff:\t00000000a80425fb" in sampan("run", "--rm", "busybox", *STATUS).out
    out = sampan("run", "--rm", "--security-opt", "no-new-privileges", "busybox", *STATUS).out
    assert "NoNewPrivs:\t1" in out


def test_runc_is_given_the_profile_itself(sampan: Sampan) -> None:
    assert "Seccomp:\t2" in sampan("run", "--rm", "--runtime", "runc", "busybox", *STATUS).out
