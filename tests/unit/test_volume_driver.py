"""What the options of the local volume driver mean."""

import pytest

from sampan.errors import InvalidArgument, SampanError, Unavailable
from sampan.linux import syscall
from sampan.volumes import driver
from sampan.volumes.driver import MountCall


def resolve(host: str) -> str:
    if host != "files.example":
        raise OSError(-2, "Name or service not known")
    return "192.0.2.7"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "tmpfs"}, 'create v: missing required option: "device"'),
        ({"device": "/tmp"}, 'create v: missing required option: "type"'),
        ({"o": "bind"}, 'create v: missing required option: "device"'),
        ({"nonsense": "1"}, 'create v: invalid option: "nonsense"'),
        ({"size": "1m"}, "create v: quota size requested but no quota support"),
    ],
)
def test_bad_options_are_answered_in_dockers_words(options: dict[str, str], message: str) -> None:
    with pytest.raises(SampanError) as caught:
        driver.check("v", options)
    assert caught.value.message == message and caught.value.hint


def test_options_without_words_are_those_of_a_plain_folder() -> None:
    options = {"type": "", "device": "", "o": ""}
    driver.check("v", options)
    assert not driver.is_mounted(options)


@pytest.mark.parametrize(
    ("options", "call"),
    [
        (
            {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=5,noexec"},
            MountCall("tmpfs", "tmpfs", syscall.MS_NOEXEC, "size=1m,uid=5"),
        ),
        (
            {"type": "none", "device": "/srv", "o": "rbind,ro,rslave"},
            MountCall("/srv", "none", syscall.MS_BIND | syscall.MS_REC | syscall.MS_RDONLY | syscall.MS_SLAVE, ""),
        ),
        (
            {"type": "nfs", "device": ":/export", "o": "addr=files.example,rw,nolock"},
            MountCall(":/export", "nfs", 0, "addr=192.0.2.7,nolock"),
        ),
        (
            {"type": "ext4", "device": "/dev/loop0", "o": "addr=files.example"},
            MountCall("/dev/loop0", "ext4", 0, "addr=files.example"),
        ),
    ],
)
def test_options_become_the_arguments_of_mount(options: dict[str, str], call: MountCall) -> None:
    assert driver.mount_call(options, resolve) == call


def test_a_server_without_an_address_is_told() -> None:
    with pytest.raises(Unavailable, match="error resolving passed in network volume address: lookup nowhere"):
        driver.mount_call({"type": "nfs", "device": ":/x", "o": "addr=nowhere"}, resolve)


def test_a_device_must_be_said() -> None:
    with pytest.raises(InvalidArgument, match="missing device in volume options"):
        driver.mount_call({"type": "tmpfs", "device": ""}, resolve)


def test_a_refusal_does_not_tell_the_password() -> None:
    call = MountCall("//server/share", "cifs", 0, "username=me,password=secret")
    text = driver.failure(call, "/v/_data", 0, PermissionError(13, "Permission denied"))
    assert text == "mount //server/share:/v/_data, data: username=me,password=********: permission denied"


@pytest.mark.parametrize(("words", "is_read_only"), [("ro", True), ("bind,ro,rw", False), ("", False)])
def test_a_volume_is_read_only_when_its_options_say_so(words: str, is_read_only: bool) -> None:
    assert driver.is_read_only({"o": words}) == is_read_only
