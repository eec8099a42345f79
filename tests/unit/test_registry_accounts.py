"""Accounts in config.json: Docker's file, and several accounts at one registry."""

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from sampan.errors import Corrupt, InvalidArgument, Unavailable
from sampan.registry.accounts import Account, Accounts, normalised

HELPER = """#!/bin/sh
# Keeps what it is given in files beside itself.
dir=$(dirname "$0")
case $1 in
get) read -r server; name=$(echo "$server" | tr -c 'a-z0-9\\n' _)
     [ -e "$dir/$name" ] || { echo "credentials not found in native keychain"; exit 1; }; cat "$dir/$name" ;;
store) text=$(cat); server=$(echo "$text" | sed 's/.*"ServerURL": *"\\([^"]*\\)".*/\\1/')
     echo "$text" > "$dir/$(echo "$server" | tr -c 'a-z0-9\\n' _)" ;;
erase) read -r server; rm -f "$dir/$(echo "$server" | tr -c 'a-z0-9\\n' _)" ;;
esac
"""


def pair(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def accounts(folder: Path, document: Any) -> Accounts:
    (folder / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return Accounts(str(folder))


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A credential helper "test" on PATH; the folder with what it keeps."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "docker-credential-test"
    program.write_text(HELPER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return programs


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/v2/", "ghcr.io"),
        ("registry.example.com:5000/team/", "registry.example.com:5000/team"),
        ("docker.io/me", "docker.io/me"),
    ],
)
def test_keys_of_the_same_place_are_the_same(key: str, expected: str) -> None:
    assert normalised(key) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": pair("me:secret")}, Account("me", "secret")),
        ({"auth": pair("me:se:cr:et")}, Account("me", "se:cr:et")),
        ({"username": "me", "password": "secret"}, Account("me", "secret")),
        ({"auth": pair("me:"), "identitytoken": "T"}, Account("me", "", "T")),
        ({"registrytoken": "R"}, Account("", "", "", "R")),
        ({}, None),
    ],
)
def test_every_form_of_an_entry_is_read(tmp_path: Path, entry: Any, expected: Account | None) -> None:
    assert accounts(tmp_path, {"auths": {"a.io": entry}}).find("a.io", "x/y") == expected


def test_the_longest_path_decides_among_several_accounts(tmp_path: Path) -> None:
    names = ("a.io", "https://a.io/team", "a.io/team/app", "b.io")
    found = accounts(tmp_path, {"auths": {name: {"auth": pair(name + "|:x")} for name in names}})

    def user(registry: str, repository: str) -> str:
        account = found.find(registry, repository)
        return account.username.rstrip("|").removeprefix("https") if account else ""

    assert user("a.io", "other/app") == "a.io"
    assert user("a.io", "team/app") == "a.io/team/app"
    assert user("a.io", "teams/app") == "a.io"
    assert user("c.io", "team/app") == ""
    account = found.find("a.io", "team/tool")
    assert account is not None and account.password == "//a.io/team|:x"


def test_docker_hub_is_found_under_its_old_name(tmp_path: Path) -> None:
    found = accounts(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": pair("me:x")}}})
    assert found.find("docker.io", "library/busybox") == Account("me", "x")


def test_a_saved_account_is_read_again_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    before = {"auths": {"b.io": {"auth": pair("b:b")}}, "HttpHeaders": {"X": "y"}, "psFormat": "table"}
    kept = accounts(tmp_path, before)
    kept.save("a.io/team", Account("me", "secret"))
    after = Accounts(str(tmp_path))
    assert after.find("a.io", "team/app") == Account("me", "secret")
    assert after.find("b.io") == Account("b", "b")
    assert {key: after.document[key] for key in ("HttpHeaders", "psFormat")} == {
        "HttpHeaders": {"X": "y"},
        "psFormat": "table",
    }
    assert stat.S_IMODE(os.stat(tmp_path / "config.json").st_mode) == 0o600
    assert after.erase("https://a.io/team")
    assert not after.erase("a.io/team")
    assert Accounts(str(tmp_path)).find("a.io", "team/app") is None


def test_hub_is_saved_as_docker_saves_it(tmp_path: Path) -> None:
    Accounts(str(tmp_path)).save("docker.io", Account("me", "x", ""))
    document = json.loads((tmp_path / "config.json").read_text())
    assert document == {"auths": {"https://index.docker.io/v1/": {"auth": pair("me:x")}}}


def test_an_identity_token_is_kept_without_the_password(tmp_path: Path) -> None:
    Accounts(str(tmp_path)).save("a.io", Account("me", "", identity_token="T"))
    assert Accounts(str(tmp_path)).find("a.io") == Account("me", "", "T")


def test_a_credential_store_keeps_the_secret_out_of_the_file(tmp_path: Path, helper: Path) -> None:
    kept = accounts(tmp_path, {"credsStore": "test"})
    kept.save("a.io", Account("me", "secret"))
    assert "secret" not in (tmp_path / "config.json").read_text()
    assert Accounts(str(tmp_path)).find("a.io") == Account("me", "secret")
    assert not kept.is_plain("a.io")
    assert kept.erase("a.io")
    assert Accounts(str(tmp_path)).find("a.io") is None


def test_a_helper_serves_its_registry_only_and_gives_identity_tokens(tmp_path: Path, helper: Path) -> None:
    (helper / "a_io").write_text('{"Username": "<token>", "Secret": "T"}')
    found = accounts(tmp_path, {"credHelpers": {"a.io": "test"}, "auths": {"b.io": {"auth": pair("b:b")}}})
    assert found.find("a.io", "x") == Account(identity_token="T")
    assert found.find("b.io", "x") == Account("b", "b")


def test_a_store_that_has_nothing_leaves_the_file_to_answer(tmp_path: Path, helper: Path) -> None:
    found = accounts(tmp_path, {"credsStore": "test", "auths": {"b.io": {"auth": pair("b:b")}}})
    assert found.find("b.io") == Account("b", "b")


@pytest.mark.parametrize("store", ["missing", "../../bin/sh"])
def test_a_helper_that_is_not_there_is_told(tmp_path: Path, store: str) -> None:
    with pytest.raises(Unavailable, match="error getting credentials"):
        accounts(tmp_path, {"credsStore": store}).find("a.io")


def test_a_helper_that_fails_is_told(tmp_path: Path, helper: Path) -> None:
    (helper / "docker-credential-test").write_text("#!/bin/sh\necho locked\nexit 3\n")
    with pytest.raises(Unavailable, match="exit status 3, out: `locked`"):
        accounts(tmp_path, {"credsStore": "test"}).find("a.io")


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": []}', '{"auths": {"a.io": 3}}', "[" * 100_000])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(Corrupt):
        accounts(tmp_path, text).find("a.io")


def test_what_is_no_base64_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no base64"):
        accounts(tmp_path, {"auths": {"a.io": {"auth": "%%%"}}}).find("a.io")


def test_without_a_file_nobody_is_known(tmp_path: Path) -> None:
    assert Accounts(str(tmp_path / "none")).find("a.io") is None


def test_an_account_is_never_printed() -> None:
    assert "secret" not in repr(Account("me", "secret", "secret", "secret"))
