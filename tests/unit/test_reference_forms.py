"""oci/reference.py against what docker accepts, shows and refuses."""

import pytest

from sampan.errors import InvalidArgument
from sampan.oci import reference


@pytest.mark.parametrize(
    ("text", "stored", "shown"),
    [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"),
        ("index.docker.io/x", "docker.io/library/x:latest", "x:latest"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest", "localhost:5000/a/b:latest"),
        ("Host/x", "Host/x:latest", "Host/x:latest"),
        ("ghcr.io/a/b_c/d--e:V1.0_x-", "ghcr.io/a/b_c/d--e:V1.0_x-", "ghcr.io/a/b_c/d--e:V1.0_x-"),
        ("x@sha256:" + "0" * 64, "docker.io/library/x@sha256:" + "0" * 64, "x@sha256:" + "0" * 64),
        ("[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"),
    ],
)
def test_a_reference_is_normalised_and_shown_as_docker_does(text: str, stored: str, shown: str) -> None:
    read = reference.parse(text)
    assert (read.normalised(), read.familiar()) == (stored, shown)
    assert reference.parse(stored).familiar() == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("UPPER", "invalid reference format: repository name (library/UPPER) must be lowercase"),
        ("a/B:x", "invalid reference format: repository name (a/B) must be lowercase"),
        ("busybox:", "invalid reference format"),
        ("", "invalid reference format"),
        ("a/b/c:d:e", "invalid reference format"),
        ("busybox@sha256:123", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("-x", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("x:" + "t" * 129, "invalid reference format"),
    ],
)
def test_what_docker_refuses_is_refused_in_its_words(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        reference.parse(text)
    assert caught.value.message == message
