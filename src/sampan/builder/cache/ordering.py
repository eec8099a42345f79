"""Advice on the order of steps: what a COPY of everything in front of an installation costs. Pure."""

import re
from collections.abc import Collection

_LEAST_SECONDS = 1.0
_SHOWN = 50
# What an installation reads, as far as its own words do not name it.
_INSTALLERS = (
    (r"\b(?:pip3?|uv pip) install\b", ("requirements.txt", "pyproject.toml", "setup.py", "setup.cfg")),
    (r"\buv sync\b", ("pyproject.toml", "uv.lock")),
    (r"\bpoetry install\b", ("pyproject.toml", "poetry.lock")),
    (r"\b(?:npm (?:ci|install|i)|yarn(?: install)?|pnpm (?:install|i|fetch))\b",
     ("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml")),
    (r"\bgo mod download\b", ("go.mod", "go.sum")),
    (r"\bcargo (?:fetch|build|install)\b", ("Cargo.toml", "Cargo.lock")),
    (r"\bmvnw?\b", ("pom.xml",)),
    (r"\bgradlew?\b", ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")),
    (r"\bcomposer install\b", ("composer.json", "composer.lock")),
    (r"\bbundle install\b", ("Gemfile", "Gemfile.lock")),
)  # fmt: skip


def advise(copy_words: str, changed: Collection[str], taken: Collection[str], run_words: str, seconds: float) -> str:
    """How a build could be faster, "" when it could not: `run_words` is a RUN of `seconds` that was done again because
    `copy_words` before it took the files `taken`, of which `changed` had changed.

    Where nothing that the RUN is known to read has changed, copying just that first would have kept it cached.
    """
    if seconds < _LEAST_SECONDS or not changed:
        return ""
    known = next((names for pattern, names in _INSTALLERS if re.search(pattern, run_words)), None)
    if known is None:
        return ""
    mentioned = set(re.findall(r"[\w./-]+", run_words))
    needs = [path for path in sorted(taken) if path.rpartition("/")[2] in known or path in mentioned]
    if not needs or set(needs) & set(changed):
        return ""
    names = " ".join(needs[:3])
    return (
        f"{_short(copy_words)} comes before {_short(run_words)}: copy {names} first"
        f" and {_duration(seconds)} would be cached"
    )


def _short(words: str) -> str:
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
