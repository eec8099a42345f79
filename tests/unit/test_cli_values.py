"""Option values with a grammar of their own."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.cli.errors import OptionError
from sampan.cli.values.addresses import NetworkChoice, is_ip, read_extra_host, read_ip, read_network, read_search_domain
from sampan.cli.values.environment import environment, labels, read_variable
from sampan.cli.values.fields import split_fields
from sampan.cli.values.limits import read_device, read_restart, read_sysctl, read_ulimit
from sampan.cli.values.mount_fields import read_mount
from sampan.cli.values.mounts import read_tmpfs, read_volume
from sampan.cli.values.ports import read_expose, read_publish
from sampan.containers import mount_rules
from sampan.containers.options import Device, Mount, PortBinding, RestartPolicy, Ulimit
from sampan.errors import SampanError


@pytest.mark.parametrize(
    ("text", "bindings"),
    [
        ("80", (PortBinding(80),)),
        ("8080:80", (PortBinding(80, host_port=8080),)),
        ("53:53/udp", (PortBinding(53, "udp", host_port=53),)),
        ("127.0.0.1::80", (PortBinding(80, host_ip="127.0.0.1"),)),
        ("[::1]:8080:80", (PortBinding(80, host_ip="::1", host_port=8080),)),
        ("80-81:90-91/TCP", (PortBinding(90, host_port=80), PortBinding(91, host_port=81))),
        ("8000-8010:80", (PortBinding(80, host_port=8000, host_port_end=8010),)),
        ("target=80,published=8080,protocol=udp", (PortBinding(80, "udp", host_port=8080),)),
    ],
)
def test_every_form_of_publish_is_read(text: str, bindings: tuple[PortBinding, ...]) -> None:
    assert read_publish(text) == bindings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("99999:80", "invalid hostPort: 99999"),
        ("abc", "invalid containerPort: abc"),
        ("80:abc", "invalid containerPort: abc"),
        ("80:80/nonsense", "invalid proto: nonsense"),
        ("80-82:80-81", "invalid ranges specified for container and host Ports: 80-81 and 80-82"),
        ("1.2.3.4.5:80:80", "invalid IP address: 1.2.3.4.5"),
        (":", "no port specified: :<empty>"),
    ],
)
def test_a_bad_port_is_answered_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_publish(text)
    assert caught.value.message == message


@given(st.text(max_size=20))
def test_any_port_text_is_read_or_refused(text: str) -> None:
    try:
        assert all(0 <= binding.container_port < 65536 for binding in read_publish(text))
    except SampanError:
        pass


def test_expose_takes_ranges() -> None:
    assert read_expose("80-81/udp") == ("80/udp", "81/udp")
    with pytest.raises(OptionError, match=r"invalid range format for --expose: abc, error: strconv\.ParseUint"):
        read_expose("abc")


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("data:/x", Mount("volume", "data", "/x")),
        ("/x", Mount("volume", "", "/x")),
        ("a", Mount("volume", "", "/a")),
        ("a:b", Mount("volume", "a", "/b")),
        ("/h:/c:ro", Mount("bind", "/h", "/c", read_only=True, create_source=True)),
        ("/h:/c:rw,z,rslave", Mount("bind", "/h", "/c", propagation="rslave", create_source=True, relabel="z")),
        ("data:/x:nocopy", Mount("volume", "data", "/x", no_copy=True)),
        ("./h:/c/", Mount("bind", os.path.abspath("h"), "/c", create_source=True)),
    ],
)
def test_every_form_of_volume_is_read(text: str, mount: Mount) -> None:
    assert read_volume(text) == mount


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (":/x", "invalid spec: :/x: empty section between colons"),
        ("/a:/b:ro:z:x", "invalid spec: /a:/b:ro:z:x: too many colons"),
        ("/a:/b:nonsense", "invalid mode: nonsense"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("data:/b:rshared", "invalid mode: rshared"),
        (
            "/tmp:/",
            "invalid volume specification: '/tmp:/': invalid mount config for type \"bind\": "
            "invalid specification: destination can't be '/'",
        ),
        ("", "invalid empty volume spec"),
    ],
)
def test_a_bad_volume_is_answered_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(SampanError) as caught:
        read_volume(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("type=bind,src=/h,dst=/c,ro", Mount("bind", "/h", "/c", read_only=True)),
        ("source=data,target=/c,volume-nocopy", Mount("volume", "data", "/c", no_copy=True)),
        (
            "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777",
            Mount("tmpfs", "", "/t", options=("size=1048576", "mode=1777")),
        ),
        ('type=bind,"src=/a,b",dst=/c', Mount("bind", "/a,b", "/c")),
        ("src=data,dst=/c,volume-subpath=a/b", Mount("volume", "data", "/c", subpath="a/b")),
        ("type=image,src=busybox,dst=/c,image-subpath=bin", Mount("image", "busybox", "/c", subpath="bin")),
        (
            'dst=/c,volume-driver=local,volume-opt=type=tmpfs,"volume-opt=o=size=1m,uid=5",volume-label=a=b',
            Mount(
                "volume",
                "",
                "/c",
                driver="local",
                driver_options={"type": "tmpfs", "o": "size=1m,uid=5"},
                volume_labels={"a": "b"},
            ),
        ),
        ("type=bind,src=/h,dst=/c,bind-recursive=disabled", Mount("bind", "/h", "/c", recursive="disabled")),
        ("type=bind,src=/h,dst=/c,bind-nonrecursive", Mount("bind", "/h", "/c", recursive="disabled")),
        (
            "type=bind,src=/h,dst=/c,ro,bind-recursive=writable",
            Mount("bind", "/h", "/c", read_only=True, recursive="writable"),
        ),
    ],
)
def test_every_form_of_mount_is_read(text: str, mount: Mount) -> None:
    assert mount_rules.check(read_mount(text)) == mount._replace(long_form=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("src=data", "target is required"),
        ("nonsense", "invalid field 'nonsense' must be a key=value pair"),
        ("type=bind,src=/tmp,dst=/x,nonsense=1", "unexpected key 'nonsense' in 'nonsense=1'"),
        ("dst=/x,readonly=perhaps", "invalid value for readonly: perhaps"),
        ("dst=/x,tmpfs-size=1m", "cannot mix 'tmpfs-*' options with mount type 'volume'"),
        ("dst=/x,image-subpath=a", "cannot mix 'image-*' options with mount type 'volume'"),
        ("type=bind,src=/h,dst=/x,volume-driver=local", "cannot mix 'volume-*' options with mount type 'bind'"),
        ("type=tmpfs,dst=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"),
        (
            "type=bind,src=/h,dst=/x,bind-recursive=nonsense",
            'invalid value for bind-recursive: nonsense (must be "enabled", "disabled", "writable", or "readonly")',
        ),
        (
            "type=bind,src=/h,dst=/x,bind-recursive=writable",
            "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
        ),
        (
            "type=bind,src=/h,dst=/x,ro,bind-recursive=readonly",
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
        ),
    ],
)
def test_a_bad_mount_is_answered_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_mount(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=nonsense,dst=/x", 'invalid mount config for type "nonsense": mount type unknown'),
        ("type=bind,dst=/x", 'invalid mount config for type "bind": field Source must not be empty'),
        (
            "src=data,dst=rel",
            "invalid mount config for type \"volume\": invalid mount path: 'rel' mount path must be absolute",
        ),
    ],
)
def test_a_mount_that_cannot_be_is_answered_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(SampanError) as caught:
        mount_rules.check(read_mount(text))
    assert caught.value.message == message


def test_tmpfs_takes_a_path_and_options() -> None:
    assert read_tmpfs("/t:size=1m,noexec") == Mount("tmpfs", "", "/t", options=("size=1m", "noexec"))
    with pytest.raises(SampanError, match="invalid mount path: 'rel' mount path must be absolute"):
        read_tmpfs("rel")


def test_fields_are_read_as_csv() -> None:
    assert split_fields('a,"b,""c""",d') == ["a", 'b,"c"', "d"]
    for bad in ('a"b', '"a', '"a"b'):
        with pytest.raises(ValueError, match='"'):
            split_fields(bad)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_quoted_fields_come_back(fields: list[str]) -> None:
    assert split_fields(",".join('"' + field.replace('"', '""') + '"' for field in fields)) == fields


def test_a_bare_variable_takes_the_value_it_has_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "1")
    monkeypatch.delenv("NOWHERE", raising=False)
    assert [read_variable(text) for text in ("HERE", "NOWHERE", "A=b=c")] == ["HERE=1", "NOWHERE", "A=b=c"]
    with pytest.raises(ValueError, match="invalid environment variable: =x"):
        read_variable("=x")


def test_an_environment_file_keeps_quotes_and_skips_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "1")
    monkeypatch.delenv("NOWHERE", raising=False)
    file = tmp_path / "env"
    file.write_text('\ufeff# comment\nA="x y"\r\n\n  B= 2 \nHERE\nNOWHERE\n')
    assert environment([str(file)], ["C=3"]) == ('A="x y"', "B= 2 ", "HERE=1", "C=3")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"=x\n", "no variable name on line '=x'"),
        (b"a b=x\n", "variable 'a b' contains whitespaces"),
        (b"ok=1\n\xff=1\n", "invalid utf8 bytes at line 2"),
    ],
)
def test_a_bad_environment_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "env"
    file.write_bytes(content)
    with pytest.raises(OptionError, match=message):
        environment([str(file)], [])


def test_a_missing_file_is_named() -> None:
    with pytest.raises(OptionError) as caught:
        labels(["/nope"], [])
    assert caught.value.message == "open /nope: no such file or directory"


def test_labels_win_over_their_file(tmp_path: Path) -> None:
    file = tmp_path / "labels"
    file.write_text("a=1\nb\n")
    assert labels([str(file)], ["a=2", "c=x=y", "d"]) == {"a": "2", "c": "x=y", "d": ""}


def test_limits_and_devices() -> None:
    assert read_ulimit("nofile=5:6") == Ulimit("nofile", 5, 6)
    assert read_ulimit("core=-1") == Ulimit("core", -1, -1)
    assert read_device("/dev/null") == Device("/dev/null", "/dev/null")
    assert read_device("/dev/null:/x:r") == Device("/dev/null", "/x", "r")
    assert read_device("/dev/null:rw") == Device("/dev/null", "/dev/null", "rw")
    assert read_restart("on-failure:3") == RestartPolicy("on-failure", 3)
    assert read_sysctl("net.ipv4.ip_forward=1") == ("net.ipv4.ip_forward", "1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense=1", "invalid ulimit type: nonsense"),
        ("nofile=5:1", "ulimit soft limit must be less than or equal to hard limit: 5 > 1"),
        ("nofile", "invalid ulimit argument: nofile"),
    ],
)
def test_a_bad_ulimit_is_answered_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_ulimit(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("always:3", "invalid restart policy: maximum retry count can only be used with 'on-failure'"),
        ("on-failure:x", "invalid restart policy format: maximum retry count must be an integer"),
        ("sometimes", "invalid restart policy: unknown policy 'sometimes'"),
    ],
)
def test_a_bad_restart_policy_is_answered_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(SampanError) as caught:
        read_restart(text)
    assert caught.value.message.startswith(message)


def test_a_bad_device_mode_is_refused() -> None:
    with pytest.raises(OptionError, match="bad mode specified: q"):
        read_device("/dev/null:/x:q")


def test_addresses() -> None:
    assert is_ip("10.0.0.1") and is_ip("::1") and not is_ip("10.0.0.256") and not is_ip("010.0.0.1") and not is_ip("x")
    assert read_ip(" 10.0.0.1 ") == "10.0.0.1"
    assert read_search_domain(".") == "."
    assert read_extra_host("a:10.0.0.1") == "a:10.0.0.1"
    assert read_extra_host("a=host-gateway") == "a:host-gateway"
    assert read_extra_host("a:[::1]") == "a:::1"
    assert read_network("name=front,alias=a,alias=b,ip=10.0.0.2") == NetworkChoice("front", ("a", "b"), "10.0.0.2")
    for reader, bad, message in (
        (read_ip, "nonsense", "IP address is not correctly formatted: nonsense"),
        (read_extra_host, "nonsense", 'bad format for add-host: "nonsense"'),
        (read_extra_host, "a:nonsense", 'invalid IP address in add-host: "nonsense"'),
        (read_sysctl, "nonsense", "sysctl 'nonsense' is not allowed"),
        (read_search_domain, "-", "- is not a valid domain"),
    ):
        with pytest.raises(ValueError) as caught:
            reader(bad)
        assert str(caught.value) == message
