"""What a registry answers is not believed: where it sends us, what it asks for, and numbers that are none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.errors import Corrupt
from sampan.oci import reference
from sampan.registry.accounts import Accounts
from sampan.registry.client import Client, Repository
from sampan.registry.transport import Options, Patience, origin_of
from sampan.testing.scripted import Reply, Script, scripted


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as made:
        yield made


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(Options("test", patience=Patience(attempts=1)), Accounts(str(tmp_path))) as made:
        yield made


def repository(client: Client, script: Script) -> Repository:
    return client.repository(reference.parse(f"{script.host}/app:1"), for_writing=True)


@pytest.mark.parametrize(
    "url",
    ["http://evil\\@good/x", "http://me@good/x", "http://good/a b", "http://good/\x7f", "http://good:x/", "ftp://a"],
)
def test_a_url_that_can_be_read_in_two_ways_is_none(url: str) -> None:
    with pytest.raises(Corrupt):
        origin_of(url)


def test_a_redirect_to_a_host_before_a_backslash_is_not_followed(client: Client, script: Script) -> None:
    with scripted() as elsewhere:
        script.rule = lambda request: Reply(307, {"Location": f"http://{elsewhere.host}\\@{script.host}/x"})
        with pytest.raises(Corrupt, match="is no URL"):
            repository(client, script).ping()
        assert elsewhere.seen == []
