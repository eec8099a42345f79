"""Serve a registry until a signal ends it: sockets, TLS, background collections, a quiet end."""

import asyncio
import logging
import os
import signal
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress

import msgspec
from aiohttp import web

from sampan.errors import InvalidArgument, Unavailable
from sampan.registry import certificates
from sampan.registry.accounts import Accounts
from sampan.registry.client import Client
from sampan.registry.endpoints import canonical, split_host
from sampan.registry.server import collection
from sampan.registry.server.application import Application
from sampan.registry.server.guard import Guard
from sampan.registry.server.metrics import Metrics
from sampan.registry.server.opening import open_medium
from sampan.registry.server.registry import Limits, Registry
from sampan.registry.server.tokens import Tokens, load_key
from sampan.registry.server.upstream import Upstream
from sampan.registry.server.users import EVERYBODY, auth_file, watch_rules, watch_users
from sampan.registry.transport import Options, patience_of
from sampan.settings import model as settings

_END_SECONDS = 10.0


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a registry is served.

    `store` is a folder or the URL of an object store. `auth` is "none", "basic", "token" or "" (as there are users).
    `mirror` is the registry that this is a cache of (HOST, or http://HOST), `mirror_config` the folder with its login.
    `users`, `rules`, `token_key` are files, "" for those in the folder. `collect_seconds` 0: no background collection.
    """

    store: str
    host: str = "127.0.0.1"
    port: int = 5000
    tls_certificate: str = ""
    tls_key: str = ""
    auth: str = ""
    users: str = ""
    rules: str = ""
    token_key: str = ""
    service: str = "sampan-registry"
    public_url: str = ""
    anonymous_pull: bool = False
    limits: Limits = Limits()
    mirror: str = ""
    mirror_config: str = ""
    mirror_fresh_seconds: float = 60
    collect_seconds: float = 0
    collect: collection.Options = collection.Options()
    logs_requests: bool = False


def _has_users(store: str) -> bool:
    return "://" not in store and os.path.exists(f"{os.path.abspath(store)}/auth/users")


def make_guard(options: ServeOptions) -> Guard:
    """Who may do what, by the options and the files that they name. Mistakes in these are raised at once."""
    kind = options.auth
    if not kind and not options.users and not _has_users(options.store):
        kind = "none"
    if kind == "none":
        return Guard()
    users_path = auth_file(options.store, options.users, "users")
    if not os.path.exists(users_path):
        raise InvalidArgument(f"{users_path}: there are no users", hint="'sampan registry users add NAME' makes one")
    users = watch_users(users_path)
    rules_path = options.rules or (auth_file(options.store, "", "rules") if "://" not in options.store else "")
    rules = watch_rules(rules_path) if rules_path else None
    users.value()
    if rules is not None:
        rules.value()
    # A client that was asked for a password at /v2/ does not go on without one; it asks for a token without one.
    is_partly_open = options.anonymous_pull or (
        rules is not None and any(rule.who == EVERYBODY for rule in rules.value())
    )
    tokens = None
    if kind == "token" or (not kind and is_partly_open):
        tokens = Tokens(load_key(auth_file(options.store, options.token_key, "token-key")), options.service)
    return Guard(users, rules, tokens, anonymous_pull=options.anonymous_pull, public_url=options.public_url)


def serve(options: ServeOptions, ready: Callable[[str, bool], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` gets the address, and whether it is open to all, once it listens."""
    registry = Registry(open_medium(options.store), options.limits)
    context = _tls(options)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(options, registry, context, ready))


def _tls(options: ServeOptions) -> ssl.SSLContext | None:
    if not options.tls_certificate and not options.tls_key:
        return None
    if not (options.tls_certificate and options.tls_key):
        raise InvalidArgument("--tls-cert and --tls-key go together")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, options)
    return context


def _load(context: ssl.SSLContext, options: ServeOptions) -> None:
    try:
        context.load_cert_chain(options.tls_certificate, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise InvalidArgument(f"--tls-cert {options.tls_certificate}: {error}") from None


def _renew(context: ssl.SSLContext, options: ServeOptions) -> None:
    """The certificate was renewed: connections from here on get the one that the file holds."""
    try:
        _load(context, options)
    except InvalidArgument as error:
        print(f"registry: the old certificate stays: {error.message}", file=sys.stderr, flush=True)


async def _serve(
    options: ServeOptions, registry: Registry, context: ssl.SSLContext | None, ready: Callable[[str, bool], None]
) -> None:
    # aiohttp logs a traceback for each client that leaves; what fails here is said by the application.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    metrics = Metrics()
    log = (lambda line: print(line, file=sys.stderr, flush=True)) if options.logs_requests else None
    upstream = _upstream(options, registry, metrics) if options.mirror else None
    guard = make_guard(options)
    application = Application(registry, guard, metrics, log, upstream)
    runner = web.ServerRunner(
        web.Server(application.handle, access_log=None, auto_decompress=False, keepalive_timeout=300),
        shutdown_timeout=_END_SECONDS,
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if context is not None:
        loop.add_signal_handler(signal.SIGHUP, _renew, context, options)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port, ssl_context=context, backlog=1024)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise Unavailable(
            f"--listen {options.host}:{options.port}: {(error.strerror or str(error)).lower()}",
            hint="--listen HOST:PORT chooses another",
        ) from None
    port = runner.addresses[0][1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    ready(f"{'https' if context else 'http'}://{host}:{port}", guard.is_open)
    collecting = asyncio.create_task(_collect(options, registry, metrics)) if options.collect_seconds else None
    await ended.wait()
    if collecting is not None:
        collecting.cancel()
    if upstream is not None:
        upstream.close()
    await runner.cleanup()
    registry.close()


def _upstream(options: ServeOptions, registry: Registry, metrics: Metrics) -> Upstream:
    is_insecure = options.mirror.startswith("http://")
    host = options.mirror.partition("://")[2].rstrip("/") or options.mirror
    split_host(host)
    transport = Options(
        user_agent="sampan-registry",
        patience=patience_of(os.environ),
        certificate_places=certificates.folders(),
    )
    rules = [settings.Registry(name=host, insecure=True)] if is_insecure else []
    return Upstream(
        registry,
        Client(transport, Accounts(options.mirror_config), rules),
        canonical(host),
        metrics,
        options.mirror_fresh_seconds,
    )


async def _collect(options: ServeOptions, registry: Registry, metrics: Metrics) -> None:
    """Collect again and again; of replicas on one medium, one at a time does."""
    while True:
        await asyncio.sleep(options.collect_seconds)
        try:
            report = await registry.run(collection.collect, registry.medium, options.collect)
        except Exception as error:  # noqa: BLE001 - the next collection may do better; requests go on
            print(f"registry: the collection failed: {error}", file=sys.stderr)
            continue
        if report is not None:
            metrics.add("collections_total", 1)
            metrics.add("collected_bytes_total", report.freed_bytes)
