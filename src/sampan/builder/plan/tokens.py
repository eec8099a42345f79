"""Build arguments and variables that look like secrets, by their name or by the form of their value. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

from sampan.lint.rules.secrets_used_in_arg_or_env import looks_secret

_FORMS = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a token of GitHub", re.compile(r"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22})")),
    ("a token of GitLab", re.compile(r"glpat-[A-Za-z0-9_-]{20}")),
    ("a key of AWS", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a token of Slack", re.compile(r"xox[abprs]-[A-Za-z0-9-]{10}")),
    ("a token of npm", re.compile(r"npm_[A-Za-z0-9]{36}")),
    ("a token of PyPI", re.compile(r"pypi-[A-Za-z0-9_-]{32}")),
    ("a JSON web token", re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.")),
    ("an address with a password", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@")),
)


def form_of(value: str) -> str:
    """What a value looks like, "" when it looks like nothing that is to be kept."""
    return next((name for name, form in _FORMS if form.search(value)), "")


def suspicions(build_args: Mapping[str, str | None], env: Iterable[str]) -> Iterator[str]:
    """A line for each build argument that looks like a secret, and for each variable ("NAME=VALUE") whose value does.

    Proxies have passwords in their addresses and are kept nowhere: they don't count.
    """
    for name, value in build_args.items():
        if name.lower().endswith("_proxy"):
            continue
        form = form_of(value or "")
        if form or looks_secret(name):
            yield (
                f"--build-arg {name} looks like {form or 'a secret'}, and the image's history shows it:"
                f" give it with --secret id={name},env={name}, and take it with RUN --mount=type=secret,id={name}"
            )
    for entry in env:
        name, _, value = entry.partition("=")
        if value and name not in build_args and (form := form_of(value)):
            yield (
                f"ENV {name} looks like {form}, and everyone who has the image can read it:"
                f" give it with --secret id={name}, or when the image runs"
            )
