"""Who may use a registry, and what each may do: two files that an administrator, or `sampan registry users`, writes.

Users are an htpasswd file (NAME:HASH a line; bcrypt, SHA-crypt or yescrypt). Rules are lines of three words:

    # who    repositories   what
    alice    team/*         pull,push,delete
    @users   shared/*       pull,push              everybody who has logged in
    *        public/*       pull                   everybody

`*` in a repository's name stands for any characters, also for a slash. Without a file of rules, every user may do
everything. Files are read again when they change.
"""

import os
import re
import threading
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.linux import crypt, files
from sampan.values import NamedTuple

T = TypeVar("T")
ACTIONS = ("pull", "push", "delete")
EVERY_USER, EVERYBODY = "@users", "*"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_PATTERN = re.compile(r"[a-z0-9._/*-]{1,255}")


class Rule(NamedTuple):
    """One line: for whom, for which repositories, and what is allowed."""

    who: str
    pattern: str
    actions: tuple[str, ...]

    def covers(self, user: str, repository: str) -> bool:
        """Whether it speaks of this user ("": nobody in particular) and repository."""
        who = self.who == EVERYBODY or (bool(user) and self.who in (user, EVERY_USER))
        return who and fnmatchcase(repository, self.pattern)

    def __str__(self) -> str:
        return f"{self.who} {self.pattern} {','.join(self.actions)}"


def parse_users(text: str, source: str = "users") -> dict[str, str]:
    """The hash of each user. Raises InvalidArgument with the line."""
    users: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, hashed = line.strip().partition(":")
        if not colon or _NAME.fullmatch(name) is None:
            raise InvalidArgument(
                f"{source}:{number}: NAME:HASH is wanted", hint="'sampan registry users add' writes it"
            )
        if not crypt.is_supported(hashed):
            raise InvalidArgument(
                f"{source}:{number}: the hash of {name} is of a kind that is not supported",
                hint="use bcrypt: htpasswd -B",
            )
        users[name] = hashed
    return users


def parse_rule(text: str) -> Rule:
    """WHO PATTERN ACTIONS. Raises InvalidArgument."""
    words = text.split()
    if len(words) != 3:
        raise InvalidArgument(
            f"{text!r} is no rule: WHO REPOSITORIES ACTIONS", hint="for example: alice team/* pull,push"
        )
    who, pattern, actions = words[0], words[1], tuple(words[2].split(","))
    if who not in (EVERY_USER, EVERYBODY) and _NAME.fullmatch(who) is None:
        raise InvalidArgument(f"{who!r} is no user")
    if _PATTERN.fullmatch(pattern) is None:
        raise InvalidArgument(f"{pattern!r} can't be the name of a repository", hint="for example: team/*")
    for action in actions:
        if action not in ACTIONS:
            raise InvalidArgument(f"{action!r} is none of {', '.join(ACTIONS)}")
    return Rule(who, pattern, actions)


def parse_rules(text: str, source: str = "rules") -> tuple[Rule, ...]:
    """All rules. Raises InvalidArgument with the line."""
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if words:
            try:
                rules.append(parse_rule(words))
            except InvalidArgument as error:
                raise InvalidArgument(f"{source}:{number}: {error.message}", hint=error.hint) from None
    return tuple(rules)


def allowed(rules: Iterable[Rule], user: str, repository: str) -> frozenset[str]:
    """What a user may do with a repository."""
    return frozenset(action for rule in rules if rule.covers(user, repository) for action in rule.actions)


class Watched(Generic[T]):
    """A file's meaning, read again when the file has changed."""

    def __init__(self, path: str, parse: Callable[[str, str], T], empty: T) -> None:
        self._path, self._parse, self._empty = path, parse, empty
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._value = empty

    def value(self) -> T:
        """Raises InvalidArgument for a mistake in the file."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return self._empty
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        with self._lock:
            if seen != self._seen:
                with open(self._path, encoding="utf-8") as file:
                    self._value = self._parse(file.read(), self._path)
                self._seen = seen
            return self._value


def auth_file(store: str, given: str, name: str) -> str:
    """A file of users, rules or keys: the one that was given, or the one in the folder. Raises InvalidArgument."""
    if given:
        return given
    if "://" in store:
        raise InvalidArgument(f"an object store holds no passwords: name the file with --{name}")
    folder = f"{os.path.abspath(store)}/auth"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return f"{folder}/{name}"


def add(users_path: str, name: str, password: str, *, replaces: bool) -> None:
    """Put a user into the file. Raises Conflict when there is one of this name, unless `replaces`."""
    if _NAME.fullmatch(name) is None:
        raise InvalidArgument(f"{name!r} can't be a user's name", hint="letters, digits and . _ @ + - (up to 128)")
    hashed = crypt.hash_password(password)
    with files.flock(users_path + ".lock"):
        users = read_users(users_path)
        if name in users and not replaces:
            raise Conflict(
                f"there is a user {name} already", hint="'sampan registry users passwd' changes the password"
            )
        if name not in users and replaces:
            raise NotFound(f"there is no user {name}")
        _write_users(users_path, {**users, name: hashed})


def remove(users_path: str, rules_path: str, name: str) -> None:
    """Take a user and the rules for it away. Raises NotFound."""
    with files.flock(users_path + ".lock"):
        users = read_users(users_path)
        if name not in users:
            raise NotFound(f"there is no user {name}")
        del users[name]
        _write_users(users_path, users)
        rules = read_rules(rules_path)
        if any(rule.who == name for rule in rules):
            write_rules(rules_path, [rule for rule in rules if rule.who != name])


def check_grants(name: str, grants: Iterable[str]) -> tuple[Rule, ...]:
    """The rules that PATTERN:ACTIONS mean for a user; without actions, pull. Raises InvalidArgument."""
    parts = (grant.partition(":") for grant in grants)
    return tuple(parse_rule(f"{name} {pattern} {actions or 'pull'}") for pattern, _, actions in parts)


def allow(users_path: str, rules_path: str, name: str, grants: Iterable[str]) -> None:
    """Add rules for a user; one for the same repositories is replaced. Raises InvalidArgument."""
    added = check_grants(name, grants)
    replaced = {(rule.who, rule.pattern) for rule in added}
    with files.flock(users_path + ".lock"):
        kept = [rule for rule in read_rules(rules_path) if (rule.who, rule.pattern) not in replaced]
        write_rules(rules_path, [*kept, *added])


def watch_users(path: str) -> Watched[dict[str, str]]:
    """The users of a file; none when there is no file."""
    none: dict[str, str] = {}
    return Watched(path, parse_users, none)


def watch_rules(path: str) -> Watched[tuple[Rule, ...]]:
    """The rules of a file; none when there is no file."""
    none: tuple[Rule, ...] = ()
    return Watched(path, parse_rules, none)


def read_users(path: str) -> dict[str, str]:
    return watch_users(path).value()


def read_rules(path: str) -> tuple[Rule, ...]:
    return watch_rules(path).value()


def _write_users(path: str, users: dict[str, str]) -> None:
    files.write_atomically(path, "".join(f"{name}:{hashed}\n" for name, hashed in users.items()).encode(), 0o600)


def write_rules(path: str, rules: Iterable[Rule]) -> None:
    files.write_atomically(path, "".join(f"{rule}\n" for rule in rules).encode(), 0o600)
