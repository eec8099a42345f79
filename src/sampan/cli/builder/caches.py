"""--cache-from and --cache-to of `sampan build`."""

import csv

from sampan.builder.exchange.wanted import INLINE, LOCAL, REGISTRY, CachePlace
from sampan.builder.options import BuildOptions
from sampan.cli.errors import ClientError
from sampan.cli.flags import Parsed
from sampan.errors import InvalidArgument
from sampan.oci import reference
from sampan.oci.digest import is_digest

_FROM = {REGISTRY: ("ref",), LOCAL: ("src", "tag", "digest")}
_TO = {
    REGISTRY: ("ref", "mode", "ignore-error", "compression", "oci-mediatypes", "image-manifest"),
    LOCAL: ("dest", "tag", "mode", "ignore-error", "compression", "oci-mediatypes", "image-manifest"),
    INLINE: ("mode", "ignore-error"),
}
_ELSEWHERE = ("gha", "s3", "azblob")


def with_caches(options: BuildOptions, parsed: Parsed) -> BuildOptions:
    """The build with the caches that these options say. Raises ClientError."""
    targets = [_target(text) for text in parsed.strings("cache-to") if text]
    if options.build_args.get("BUILDKIT_INLINE_CACHE") == "1":
        targets.append(CachePlace(INLINE))
    sources = (_source(text) for text in parsed.strings("cache-from") if text)
    return options._replace(cache_from=tuple(sources), cache_to=tuple(dict.fromkeys(targets)))


def _source(text: str) -> CachePlace:
    if "=" not in text:
        return CachePlace(REGISTRY, _name(text))
    fields = _fields(text, _FROM, "--cache-from")
    if fields["type"] == LOCAL:
        return _folder(fields, "src", "--cache-from")
    return CachePlace(REGISTRY, _name(_needed(fields, "ref", "--cache-from")))


def _target(text: str) -> CachePlace:
    if "=" not in text:
        return CachePlace(REGISTRY, _name(text))
    fields = _fields(text, _TO, "--cache-to")
    mode = fields.get("mode", "min")
    if mode not in ("min", "max"):
        raise _mistake(
            f"unknown mode {mode} of --cache-to", "min writes the image's own steps, max those of all stages"
        )
    if fields.get("compression", "gzip") != "gzip":
        raise _mistake(f"compression {fields['compression']} of --cache-to is not supported", "layers go as gzip")
    if fields["type"] == INLINE and mode == "max":
        raise _mistake("mode=max of --cache-to type=inline is not supported", "an image holds its own steps alone")
    if fields["type"] == INLINE:
        return CachePlace(INLINE)
    if fields["type"] == LOCAL:
        place = _folder(fields, "dest", "--cache-to")
    else:
        place = CachePlace(REGISTRY, _name(_needed(fields, "ref", "--cache-to")))
        if reference.parse(place.place).digest:
            raise _mistake("ref of --cache-to has a digest", "name a tag: its digest is not known before it is written")
    return place._replace(is_max=mode == "max", ignores_errors=fields.get("ignore-error", "false").lower() == "true")


def _folder(fields: dict[str, str], key: str, flag: str) -> CachePlace:
    digest = fields.get("digest", "")
    if digest and not is_digest(digest):
        raise _mistake(f"digest {digest} of {flag} is none", "sha256: and 64 digits")
    return CachePlace(LOCAL, _needed(fields, key, flag), fields.get("tag", "latest"), digest)


def _needed(fields: dict[str, str], key: str, flag: str) -> str:
    if not fields.get(key):
        example = "type=registry,ref=registry.example.com/cache" if key == "ref" else f"type=local,{key}=PATH"
        raise _mistake(f"{flag} type={fields['type']} needs {key}", f"as in {flag} {example}")
    return fields[key]


def _name(text: str) -> str:
    try:
        return reference.parse(text).normalised()
    except InvalidArgument as error:
        raise _mistake(f"could not parse cache reference {text}: {error.message}", error.hint) from error


def _fields(text: str, known: dict[str, tuple[str, ...]], flag: str) -> dict[str, str]:
    fields = {}
    for field in next(csv.reader([text])):
        key, equals, value = field.partition("=")
        if not equals:
            raise _mistake(f"invalid value {field}", f"as in {flag} type=local,...")
        fields[key.strip().lower()] = value
    kind = fields.get("type", "")
    if not kind:
        raise _mistake(f"type required form {text!r}", f"{flag} type=" + "|".join(known))
    if kind in _ELSEWHERE:
        raise _mistake(
            f"a cache of type {kind} is not supported",
            "type=registry goes to any registry, also to one of `registry serve`",
        )
    if kind not in known:
        raise _mistake(f"unknown cache type {kind}", "known are " + ", ".join(known))
    if "mounts" in fields:
        raise _mistake("cache mounts do not travel with the cache", "leave mounts out")
    for key in fields:
        if key != "type" and key not in known[kind]:
            raise _mistake(f"unknown field {key} of {flag} type={kind}", "known are " + ", ".join(known[kind]))
    return fields


def _mistake(message: str, hint: str) -> ClientError:
    return ClientError(f"ERROR: failed to build: {message}", hint=hint)
