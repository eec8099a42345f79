"""`sampan registry serve`."""

import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import OptionError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, BYTES, DURATION, INT, STRING
from sampan.cli.registry.store import STORE_WORDS, collect_flags, collect_options, store_of

_NANO = 1_000_000_000
_DEFAULT_LISTEN = "127.0.0.1:5000"
_AUTH = ("none", "basic", "token")

COMMAND = Command(
    arguments=f"[OPTIONS] {STORE_WORDS}",
    summary="Serve a registry of one's own from a folder or an object store",
    examples=(
        Example("For this host alone", "registry serve /srv/registry"),
        Example(
            "For others: with a certificate, and logins made by 'sampan registry users add'",
            "registry serve --listen 0.0.0.0:5000 --tls-cert r.pem --tls-key r.key --auth token /srv/registry",
        ),
        Example(
            "As a cache of another registry",
            "registry serve --mirror docker.io --gc-every 6h --gc-cached 720h /srv/cache",
        ),
        Example("In a bucket, which replicas may share", "registry serve s3://bucket/prefix"),
    ),
    flags=(
        Flag("access-log", BOOL, "Print a line for each request"),
        Flag("anonymous-pull", BOOL, "Let everybody pull without a login"),
        Flag("auth", STRING, "'none', 'basic' or 'token'; by default as there are users and what is open to all"),
        *collect_flags("gc-"),
        Flag("gc-every", DURATION, "Remove what nothing refers to every so often, such as '6h'"),
        Flag("listen", STRING, "Address and port", default=_DEFAULT_LISTEN, shown_default=_DEFAULT_LISTEN),
        Flag("max-blob", BYTES, "Refuse larger blobs"),
        Flag("max-manifest", BYTES, "Refuse larger manifests", default=4 << 20, shown_default="4MiB"),
        Flag("max-uploads", INT, "Uploads at the same time", default=1024, shown_default="1024"),
        Flag("mirror", STRING, "Be a cache of this registry: HOST, or http://HOST for one without TLS"),
        Flag("mirror-config", STRING, "Folder of the config.json with its login", shown_default="~/.docker"),
        Flag(
            "mirror-fresh",
            DURATION,
            "Ask for a tag again when it was asked for so long ago",
            default=60 * _NANO,
            shown_default="1m",
        ),
        Flag("no-delete", BOOL, "Refuse to delete"),
        Flag("public-url", STRING, "How clients reach it, where a proxy is in front"),
        Flag("quota", BYTES, "Bytes that all repositories together may hold"),
        Flag("read-only", BOOL, "Refuse what changes anything"),
        Flag("repository-quota", BYTES, "Bytes that each repository may hold"),
        Flag("rules", STRING, "File that says who may do what", shown_default="STORE/auth/rules"),
        Flag("tls-cert", STRING, "Certificate, with those of its issuers (PEM)"),
        Flag("tls-key", STRING, "Key of the certificate (PEM)"),
        Flag("token-key", STRING, "File with the key that signs tokens", shown_default="STORE/auth/token-key"),
        Flag("users", STRING, "File of users, as htpasswd -B writes it", shown_default="STORE/auth/users"),
    ),
    takes=(0, 1),
)


def execute(invocation: Invocation) -> int:
    from sampan.engine.registry_server import Limits, ServeOptions, serve

    parsed = invocation.parsed
    host, port = _address(parsed.string("listen"))
    if parsed.string("auth") not in ("", *_AUTH):
        raise OptionError(f"--auth {parsed.string('auth')}: one of {', '.join(_AUTH)} is wanted")
    options = ServeOptions(
        store=store_of(invocation.arguments),
        host=host,
        port=port,
        tls_certificate=parsed.string("tls-cert"),
        tls_key=parsed.string("tls-key"),
        auth=parsed.string("auth"),
        users=parsed.string("users"),
        rules=parsed.string("rules"),
        token_key=parsed.string("token-key"),
        public_url=parsed.string("public-url").rstrip("/"),
        anonymous_pull=parsed.boolean("anonymous-pull"),
        limits=Limits(
            manifest_bytes=parsed.integer("max-manifest"),
            blob_bytes=parsed.integer("max-blob"),
            uploads=parsed.integer("max-uploads"),
            total_bytes=parsed.integer("quota"),
            repository_bytes=parsed.integer("repository-quota"),
            is_read_only=parsed.boolean("read-only"),
            allows_delete=not parsed.boolean("no-delete"),
        ),
        mirror=parsed.string("mirror"),
        mirror_config=parsed.string("mirror-config"),
        mirror_fresh_seconds=parsed.integer("mirror-fresh") / _NANO,
        collect_seconds=parsed.integer("gc-every") / _NANO,
        collect=collect_options(parsed, "gc-"),
        logs_requests=parsed.boolean("access-log"),
    )
    serve(options, lambda address, is_open: _say(address, options.store, is_open))
    return 0


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise OptionError(f"--listen {text}: HOST:PORT is wanted", hint=f"for example: --listen {_DEFAULT_LISTEN}")
    return host.strip("[]") or "0.0.0.0", int(port)


def _say(address: str, store: str, is_open: bool) -> None:
    print(f"serving {store} at {address}", flush=True)
    if address.partition("://")[2].startswith(("127.", "[::1]", "localhost")):
        return
    if address.startswith("http://"):
        _warn(
            "without TLS everybody on the way reads passwords and images, and clients refuse it: --tls-cert, --tls-key"
        )
    if is_open:
        _warn("there are no users, so everybody may push and delete: 'sampan registry users add', and start it again")


def _warn(text: str) -> None:
    print(f"WARNING: {text}", file=sys.stderr, flush=True)
