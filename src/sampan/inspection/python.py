"""Python's packages: what pip and its like leave beside the modules (PEP 376, core metadata)."""

from collections.abc import Iterator

from sampan.inspection.stanzas import stanzas
from sampan.inspection.values import Files, Package

_LONGEST_LICENCE = 100  # characters; what is longer is the licence's own text


def wants(folder: str, name: str) -> bool:
    if name == "METADATA":
        return folder.endswith(".dist-info")
    return (name == "PKG-INFO" and folder.endswith(".egg-info")) or (
        name.endswith(".egg-info") and "-packages" in folder
    )


def read(path: str, content: bytes, _files: Files) -> Iterator[Package]:
    for fields in stanzas(content.decode(errors="replace"), is_one=True):
        name, version = fields.get("name", ""), fields.get("version", "")
        if name and version:
            licence = fields.get("license-expression") or fields.get("license", "")
            usable = licence and "\n" not in licence and len(licence) <= _LONGEST_LICENCE and licence != "UNKNOWN"
            yield Package(
                kind="pypi",
                name=name,
                version=version,
                licences=(licence,) if usable else (),
                supplier=fields.get("author", "").partition("\n")[0],
                location=path,
            )
