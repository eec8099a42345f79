"""Digests and platforms."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import InvalidArgument
from sampan.oci import platform, reference
from sampan.oci.digest import Hasher, digest_of, digest_of_all, encoded, is_digest, parse_digest
from sampan.oci.platform import Platform

HOST = Platform("linux", "amd64")
EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_digest_of_nothing_is_known() -> None:
    assert digest_of(b"") == EMPTY
    assert encoded(EMPTY) == hashlib.sha256().hexdigest()


@given(st.lists(st.binary(max_size=20)))
def test_content_in_pieces_has_the_digest_of_the_whole(chunks: list[bytes]) -> None:
    hasher = Hasher()
    for chunk in chunks:
        hasher.update(memoryview(chunk))

    whole = b"".join(chunks)
    assert hasher.digest() == digest_of(whole) == digest_of_all(chunks)
    assert hasher.size_bytes == len(whole)


@pytest.mark.parametrize(
    "text", ["", "sha256", "sha256:", "sha256:abc", EMPTY.upper(), EMPTY + "0", "md5:" + "0" * 64, EMPTY + "\n"]
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    assert not is_digest(text)
    with pytest.raises(InvalidArgument):
        parse_digest(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", "linux/amd64"),
        ("Linux/x86_64", "linux/amd64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armel", "linux/arm/v6"),
        ("arm64", "linux/arm64"),
        ("linux", "linux/amd64"),
        ("macos/arm64", "darwin/arm64"),
        ("linux/amd64/v2", "linux/amd64/v2"),
        ("linux/i686", "linux/386"),
    ],
)
def test_a_platform_has_one_spelling(text: str, expected: str) -> None:
    assert str(platform.parse(text, HOST)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a/b/c/d", '"a/b/c/d": cannot parse platform specifier: invalid argument'),
        ("", '"": cannot parse platform specifier: invalid argument'),
        ("linux/a b", '"a b" is an invalid component of "linux/a b"'),
        ("vax", '"vax": unknown operating system or architecture: invalid argument'),
    ],
)
def test_a_bad_platform_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        platform.parse(text, HOST)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("image", "wanted", "expected"),
    [
        (Platform("linux", "amd64"), Platform("linux", "amd64"), True),
        (Platform("linux", "arm", "v6"), Platform("linux", "arm", "v7"), True),
        (Platform("linux", "arm", "v7"), Platform("linux", "arm", "v6"), False),
        (Platform("linux", "amd64"), Platform("linux", "amd64", "v2"), True),
        (Platform("linux", "amd64"), Platform("linux", "arm64"), False),
    ],
)
def test_an_image_serves_its_platform_and_newer_variants(image: Platform, wanted: Platform, expected: bool) -> None:
    assert platform.satisfies(image, wanted) == expected


def test_a_machine_name_is_a_platform() -> None:
    assert platform.host_platform("x86_64") == HOST


@given(st.text(alphabet="ab.:/@-_A1", max_size=30))
def test_a_reference_that_is_read_reads_the_same_again(text: str) -> None:
    try:
        read = reference.parse(text)
    except InvalidArgument:
        return
    assert reference.parse(read.normalised()) == read
    assert reference.parse(read.familiar()) == read
