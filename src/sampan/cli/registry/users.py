"""`sampan registry users`."""

import getpass
import os
import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError, OptionError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, LIST, STRING
from sampan.cli.output import table
from sampan.cli.registry.store import DEFAULT_STORE
from sampan.engine import registry_users as users

_LONGEST_INPUT = 4096

COMMAND = Command(
    arguments="[OPTIONS] [ls | add NAME | passwd NAME | allow NAME | rm NAME]",
    summary="Say who may use a registry, and what each may do",
    examples=(
        Example(
            "A user who may do everything, while there are no rules", "registry users add --store /srv/registry ann"
        ),
        Example(
            "One with rules; then only these hold",
            "registry users add --store /srv/registry --allow 'team/*:pull,push' --allow 'base/*:pull' bob",
        ),
        Example("For a script", "registry users passwd --password-stdin --store /srv/registry bob"),
    ),
    flags=(
        Flag("allow", LIST, "REPOSITORIES:ACTIONS, actions of pull, push, delete; * stands for any characters"),
        Flag("password-stdin", BOOL, "Read the password from standard input"),
        Flag("rules", STRING, "File of rules", shown_default="STORE/auth/rules"),
        Flag("store", STRING, "The registry's folder", shown_default=DEFAULT_STORE),
        Flag("users", STRING, "File of users", shown_default="STORE/auth/users"),
    ),
    takes=(0, 2),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    store = parsed.string("store") or DEFAULT_STORE
    users_path = users.auth_file(store, parsed.string("users"), "users")
    rules_path = users.auth_file(store, parsed.string("rules"), "rules")
    action, *names = invocation.arguments or ["ls"]
    if action == "ls" and not names:
        print(_listing(users_path, rules_path))
        return 0
    if action not in ("add", "passwd", "allow", "rm") or len(names) != 1:
        raise ClientError(
            f"{' '.join(invocation.arguments)}: ls, or one of add, passwd, allow and rm with a NAME, is wanted"
        )
    name, grants = names[0], parsed.strings("allow")
    if grants and action in ("passwd", "rm"):
        raise OptionError(f"--allow is not for {action}")
    if action == "rm":
        users.remove(users_path, rules_path, name)
        return 0
    if action == "allow" and name not in (*users.read_users(users_path), users.EVERY_USER, users.EVERYBODY):
        raise ClientError(f"there is no user {name}", hint="@users stands for all of them, * for everybody")
    users.check_grants(name, grants)
    if action in ("add", "passwd"):
        users.add(users_path, name, _password(parsed.boolean("password-stdin")), replaces=action == "passwd")
    if grants:
        users.allow(users_path, rules_path, name, grants)
    return 0


def _password(from_stdin: bool) -> str:
    """The password, asked for twice on a terminal."""
    if from_stdin:
        return sys.stdin.read(_LONGEST_INPUT).rstrip("\r\n")
    if not os.isatty(0):
        raise ClientError("a password is asked for on a terminal only", hint="use --password-stdin")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise ClientError("the passwords differ")
    return password


def _listing(users_path: str, rules_path: str) -> str:
    rules = users.read_rules(rules_path)
    names = [*users.read_users(users_path), users.EVERY_USER, users.EVERYBODY]
    rows = [("USER", "REPOSITORIES", "MAY")]
    for name in names:
        own = [rule for rule in rules if rule.who == name]
        rows += [(name, rule.pattern, ",".join(rule.actions)) for rule in own]
        if not own and name not in (users.EVERY_USER, users.EVERYBODY):
            rows.append((name, "*" if not rules else "", ",".join(users.ACTIONS) if not rules else ""))
    return table(rows).rstrip("\n")
