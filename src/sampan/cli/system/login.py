"""`sampan login`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag, Parsed
from sampan.cli.kinds import BOOL, STRING
from sampan.engine.engine import Engine
from sampan.engine.registries import LoggedIn, Registries

COMMAND = Command(
    arguments="[OPTIONS] [SERVER[/PATH]]",
    summary="Log in to a registry",
    examples=(
        Example("With a token that another program gives", "login -u me --password-stdin ghcr.io"),
        Example("Another account for the repositories of one team", "login -u robot registry.example.com/team"),
    ),
    flags=(
        Flag("password", STRING, "Password; --password-stdin leaves no trace of it in the shell", "p"),
        Flag("password-stdin", BOOL, "Take the password from stdin"),
        Flag("username", STRING, "Name of the account", "u"),
    ),
    takes=(0, 1),
)

_UNENCRYPTED = """
WARNING! Your credentials are stored unencrypted in '{path}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/
"""


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    server = invocation.arguments[0] if invocation.arguments else ""
    password = _password(parsed)
    engine = Engine(invocation.settings.root or None)
    registries = engine.registries(invocation.settings.config)
    username = parsed.string("username")
    if not username and not password:
        known = registries.known(server)
        if known is not None and known[0]:
            print(f"Authenticating with existing credentials... [Username: {known[0]}]")
            username, password = known
    done = _login(registries, server, username, password)
    if done.is_plain:
        print(_UNENCRYPTED.format(path=done.path), file=sys.stderr)
    print("Login Succeeded")
    return 0


def _password(parsed: Parsed) -> str:
    """The password that was given. Raises ClientError in docker's words."""
    password = parsed.string("password")
    if password:
        if parsed.boolean("password-stdin"):
            raise ClientError("conflicting options: cannot specify both --password and --password-stdin")
        print("WARNING! Using --password via the CLI is insecure. Use --password-stdin.", file=sys.stderr)
    if parsed.boolean("password-stdin"):
        if not parsed.string("username"):
            raise ClientError("the --password-stdin option requires --username to be set")
        text = sys.stdin.read(1 << 20)
        return text.removesuffix("\n").removesuffix("\r")
    return password


def _login(registries: Registries, server: str, username: str, password: str) -> LoggedIn:
    if username and password:
        return registries.login(server, username, password)
    if not sys.stdin.isatty():
        raise ClientError("Error: Cannot perform an interactive login from a non TTY device")
    from getpass import getpass

    try:
        username = username or input("Username: ").strip()
        if not username:
            raise ClientError("Error: Non-null Username Required")
        password = getpass("Password: ")
    except EOFError:
        raise ClientError("Error: Password Required") from None
    if not password:
        raise ClientError("Error: Password Required")
    return registries.login(server, username, password)
