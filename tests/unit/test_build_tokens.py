"""Build arguments and variables that look like secrets are pointed at."""

import pytest

from sampan.builder.plan.tokens import form_of, suspicions


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("ghp_" + "a1" * 18, "a token of GitHub"),
        ("github_pat_" + "a" * 22, "a token of GitHub"),
        ("glpat-" + "a" * 20, "a token of GitLab"),
        ("AKIA" + "ABCD" * 4, "a key of AWS"),
        ("xoxb-1234567890", "a token of Slack"),
        ("npm_" + "a" * 36, "a token of npm"),
        ("pypi-" + "a" * 32, "a token of PyPI"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abc", "a JSON web token"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "a private key"),
        ("https://user:word@example.org/simple", "an address with a password"),
        ("https://example.org/simple:8080/a@b", ""),
        ("1.2.3", ""),
        ("/usr/lib/python3", ""),
    ],
)
def test_a_value_is_known_by_its_form(value: str, form: str) -> None:
    assert form_of(value) == form


def test_each_is_named_once_with_what_to_do() -> None:
    args = {"API_TOKEN": "x", "V": "1", "X": "npm_" + "a" * 36, "HTTP_PROXY": "http://u:p@proxy:1", "PUBLIC_KEY": "y"}
    lines = list(suspicions(args, ["X=npm_" + "a" * 36, "K=AKIA" + "ABCD" * 4, "P=/usr/bin"]))
    assert [line.split(" looks like ")[0] for line in lines] == ["--build-arg API_TOKEN", "--build-arg X", "ENV K"]
    assert "--secret id=API_TOKEN,env=API_TOKEN" in lines[0]
