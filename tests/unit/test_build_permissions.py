"""What --secret, --ssh, --allow and --cgroup-parent of a build mean."""

from pathlib import Path

import pytest

from sampan.builder.mounts import agents, secrets
from sampan.builder.options import Agent, BuildOptions, Secret
from sampan.cli.builder.build import COMMAND
from sampan.cli.builder.permissions import with_permissions
from sampan.cli.errors import ClientError
from sampan.cli.flags import parse
from sampan.errors import SampanError


def options(*words: str, network: str = "default") -> BuildOptions:
    return with_permissions(BuildOptions(network=network), parse(COMMAND.flags, [*words, "."]))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("id=a,src=/f", Secret("a", "/f")),
        ("ID=a,source=/f", Secret("a", "/f")),
        ("id=a,env=B", Secret("a", env="B")),
        ("id=a,src=/f,env=B", Secret("a", env="B")),
        ("type=env,id=a,src=B", Secret("a", env="B")),
        ("type=file,id=a,src=B", Secret("a", "B")),
        ("id=IN_ENV", Secret("IN_ENV", env="IN_ENV")),
        ("id=not_in_env", Secret("not_in_env", "not_in_env")),
        ('id=a,"src=/with,comma"', Secret("a", "/with,comma")),
    ],
)
def test_a_secret_comes_from_a_file_or_a_variable(monkeypatch: pytest.MonkeyPatch, text: str, secret: Secret) -> None:
    monkeypatch.setenv("IN_ENV", "x")
    monkeypatch.delenv("not_in_env", raising=False)
    assert options("--secret", text).secrets == (secret,)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--secret", "id=a,foo=b"), "ERROR: unexpected key 'foo' in 'foo=b'"),
        (("--secret", "id"), "ERROR: invalid field 'id' must be a key=value pair"),
        (("--secret", "id=a,type=zz"), 'ERROR: unsupported secret type "zz"'),
        (("--secret", "src=/f"), "ERROR: failed to build: secret missing ID"),
        (("--allow", "all"), "ERROR: failed to build: unknown entitlement all"),
        (("--cgroup-parent", "../x"), "ERROR: failed to build: --cgroup-parent ../x is no path of cgroups"),
    ],
)
def test_a_mistake_is_told_as_buildx_does(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ClientError) as caught:
        options(*words)
    assert str(caught.value) == message


def test_the_network_of_the_host_is_allowed_by_asking_for_it() -> None:
    assert options(network="host").allow == ("network.host",)
    assert options("--allow", "network.host", network="host").allow == ("network.host",)
    assert options().allow == ()


def test_an_agent_is_that_of_the_environment_or_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    found = options("--ssh", "default", "--ssh", "a=/k1,/k2").agents
    assert found == (Agent("default", ("/run/agent",)), Agent("a", ("/k1", "/k2")))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Agent("default", ()), "make sure SSH_AUTH_SOCK is set"),
        (Agent("x", ("/no/such",)), "stat /no/such: no such file or directory"),
        (Agent("x", ("/etc/passwd",)), "failed to parse /etc/passwd: ssh: no key found"),
        (Agent("x", ("/dev/null",)), "failed to parse /dev/null: ssh: no key found"),
    ],
)
def test_what_is_no_agent_is_told_before_the_build(given: Agent, message: str) -> None:
    with pytest.raises(SampanError, match=message):
        agents.check([given])


def test_a_secret_that_is_not_there_or_too_large_is_told_before_the_build(tmp_path: Path) -> None:
    large = f"{tmp_path}/large"
    with open(large, "wb") as file:
        file.truncate(secrets.LARGEST + 1)
    with pytest.raises(SampanError, match="failed to stat /no/such: stat /no/such: no such file or directory"):
        secrets.check([Secret("a", "/no/such")])
    with pytest.raises(SampanError, match=r"secret a too big\. max size 500KiB"):
        secrets.check([Secret("a", large)])


def test_a_secret_whose_variable_is_not_set_is_empty() -> None:
    assert secrets.Secrets([Secret("a", env="NOT_SET_ANYWHERE")]).value("a") == b""
    assert secrets.Secrets([]).value("a") is None
