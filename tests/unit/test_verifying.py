"""What `build verify` makes of two images, without building."""

import pytest

from sampan.builder import verifying
from sampan.builder.verifying import Difference, Verdict
from sampan.cli.builder import verify
from sampan.images.comparison import FileChange
from sampan.oci.config import ContainerConfig, History, ImageConfig

SECONDS = "2020-09-13T12:26:40Z"


def _image(*layers: str, created: str = SECONDS) -> ImageConfig:
    history = tuple(History(created, f"RUN {layer}") for layer in layers)
    return ImageConfig("amd64", "linux", ContainerConfig(), layers, history, created=created)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (_image("a"), 1600000000),
        (_image("a", created="1970-01-01T00:00:00Z"), 0),
        (_image("a", created="2020-09-13T12:26:40.5Z"), None),
        (_image(), None),
        (_image("a")._replace(created="2020-99-13T12:26:40Z"), None),
        (_image("a")._replace(created="2021-09-13T12:26:40Z"), None),
    ],
)
def test_the_time_that_an_image_was_built_with_is_told_from_a_clock(config: ImageConfig, expected: int | None) -> None:
    assert verifying.epoch_of(config) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (_image("a", "b"), _image("a", "b"), ""),
        (_image("a", "b"), _image("a", "c"), "RUN b"),
        (_image("a", "b"), _image("a"), "RUN b"),
        (_image("a"), _image("a", "b"), "layer 2"),
    ],
)
def test_the_first_layer_that_differs_is_named(before: ImageConfig, after: ImageConfig, expected: str) -> None:
    assert verifying.first_layer(before, after) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/lib/python3/__pycache__/os.cpython-311.pyc", "bytecode"),
        ("/etc/machine-id", "each installation makes one"),
        ("/var/log/apt/term.log", "a log"),
        ("/usr/share/man/man1/ls.1.gz", "gzip -n"),
        ("/app/data", ""),
    ],
)
def test_what_is_known_of_a_file_that_differs(path: str, expected: str) -> None:
    reason = verifying.reason_of(FileChange("C", path, what=("content",)))
    assert expected in reason
    assert bool(reason) == bool(expected)


def test_a_long_list_is_cut_and_counted() -> None:
    files = tuple(Difference(FileChange("C", f"/{n:02}", what=("mode",)), "") for n in range(25))
    shown = verify.text(Verdict("sha256:a", "sha256:b", files, 1), "web").splitlines()
    assert shown[0] == "web is not what building gives"
    assert shown[3] == "C /00  (mode)"
    assert shown[-2:] == ["and 5 more files", "1 file differs in its time alone: build with --reproducible"]


def test_names_of_files_cannot_write_to_the_terminal() -> None:
    files = (Difference(FileChange("A", "/\x1b[2Jx"), ""),)
    assert "\x1b" not in verify.text(Verdict("sha256:a", "sha256:b", files), "web")
