"""What `--attest`, `--provenance` and `--sbom` ask for. Pure."""

from collections.abc import Sequence

from sampan.errors import InvalidArgument
from sampan.values import NamedTuple

_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")
_VERSIONS = ("v0.2", "v1")
_PROVENANCE = ("type", "mode", "builder-id", "version", "reproducible", "disabled", "filename", "inline-only")
_SBOM = ("type", "disabled", "generator")


class Provenance(NamedTuple):
    """`mode` is min or max, `version` of SLSA v0.2 or v1; `is_reproducible` is what the document is to say."""

    mode: str = "max"
    version: str = "v0.2"
    builder_id: str = ""
    is_reproducible: bool = False


class Attestations(NamedTuple):
    """What is to stand beside each image."""

    provenance: Provenance | None = None
    sbom: bool = False

    @property
    def has_any(self) -> bool:
        return self.provenance is not None or self.sbom


NONE = Attestations()


def parse(attests: Sequence[str], provenance: str = "", sbom: str = "") -> Attestations:
    """The values of the three flags; the last one of a type holds, and what is turned off is not made.

    --provenance=true means mode=min, --attest type=provenance alone mode=max, as in buildx. Raises InvalidArgument.
    """
    texts = list(attests)
    texts += [_short("provenance", provenance)] if provenance else []
    texts += [_short("sbom", sbom)] if sbom else []
    found = NONE
    for text in texts:
        fields = _fields(text)
        kind = fields.get("type", "")
        is_off = _boolean(text, "disabled", fields.get("disabled", "false"))
        if kind == "sbom":
            _check(text, fields, _SBOM)
            if fields.get("generator") and not is_off:
                raise InvalidArgument(
                    f"attestation {text}: generators are images that are run; sampan reads the packages itself",
                    hint="--sbom=true",
                )
            found = found._replace(sbom=not is_off)
        elif kind == "provenance":
            _check(text, fields, _PROVENANCE)
            found = found._replace(provenance=None if is_off else _provenance(text, fields))
        elif kind:
            raise InvalidArgument(f"unknown attestation type: {kind}", hint="type=provenance or type=sbom")
        else:
            raise InvalidArgument(f"attestation type not specified: {text}", hint="as in --attest type=sbom")
    return found


def _short(kind: str, text: str) -> str:
    """--provenance and --sbom as --attest says it."""
    lower = text.lower()
    if lower in _TRUE:
        return f"type={kind}" + (",mode=min" if kind == "provenance" else "")
    if lower in _FALSE:
        return f"type={kind},disabled=true"
    return f"type={kind},{text}"


def _provenance(text: str, fields: dict[str, str]) -> Provenance:
    mode, version = fields.get("mode", "max"), fields.get("version", "v0.2")
    if mode not in ("min", "max"):
        raise InvalidArgument(f"invalid mode {mode!r} in {text}", hint="mode=min or mode=max")
    if version not in _VERSIONS:
        raise InvalidArgument(f"invalid SLSA version {version!r} in {text}", hint="version=v0.2 or version=v1")
    is_reproducible = _boolean(text, "reproducible", fields.get("reproducible", "false"))
    return Provenance(mode, version, fields.get("builder-id", ""), is_reproducible)


def _fields(text: str) -> dict[str, str]:
    import csv

    fields = {}
    for field in next(csv.reader([text]), []):
        name, equals, value = field.partition("=")
        if not equals:
            raise InvalidArgument(f"invalid value {field} in attestation {text}", hint="as in --attest type=sbom")
        fields[name.strip().lower()] = value
    return fields


def _check(text: str, fields: dict[str, str], known: Sequence[str]) -> None:
    for name in fields:
        if name not in known:
            raise InvalidArgument(f"unknown field {name} in attestation {text}", hint="known are " + ", ".join(known))


def _boolean(text: str, name: str, value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise InvalidArgument(f"invalid value {value!r} of {name} in attestation {text}", hint="true or false")
