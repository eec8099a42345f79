"""Which programs of other machines a host runs, as binfmt_misc says."""

from pathlib import Path

import pytest

from sampan.linux.emulation import can_run

ARM64 = "7f454c460201010000000000000000000200b700"


def handler(folder: Path, *, state: str = "enabled", flags: str = "OCF", magic: str = ARM64, offset: int = 0) -> str:
    (folder / "status").write_text("enabled\n")
    (folder / "qemu-aarch64").write_text(
        f"{state}\ninterpreter /usr/bin/qemu-aarch64-static\nflags: {flags}\noffset {offset}\nmagic {magic}\n"
    )
    return str(folder)


@pytest.mark.parametrize(
    ("architecture", "host"), [("amd64", "amd64"), ("386", "amd64"), ("arm", "arm64"), ("wasm", "amd64")]
)
def test_what_the_host_runs_needs_no_emulator(architecture: str, host: str) -> None:
    assert can_run(architecture, host, "/nonexistent")


def test_a_handler_of_the_machine_that_holds_its_emulator_open_counts(tmp_path: Path) -> None:
    assert can_run("arm64", "amd64", handler(tmp_path))
    assert not can_run("riscv64", "amd64", str(tmp_path))


@pytest.mark.parametrize(
    "changed",
    [{"state": "disabled"}, {"flags": "OC"}, {"magic": "7f45"}, {"magic": "zz"}, {"offset": 20}],
    ids=lambda changed: next(iter(changed)),
)
def test_other_handlers_do_not(tmp_path: Path, changed: dict[str, str]) -> None:
    assert not can_run("arm64", "amd64", handler(tmp_path, **changed))  # type: ignore[arg-type]


def test_without_binfmt_misc_nothing_is_emulated() -> None:
    assert not can_run("arm64", "amd64", "/nonexistent")
