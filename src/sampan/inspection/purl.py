"""Package URLs: one name for a package in every tool (purl-spec)."""

import re
from urllib.parse import quote

from sampan.inspection.values import Package, Release

_SAFE = "-._~"


def purl(package: Package, release: Release) -> str:
    """pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12."""
    namespace, name = "", package.name
    qualifiers: dict[str, str] = {}
    version = package.version
    if package.kind in ("deb", "apk", "rpm"):
        namespace = release.id or {"deb": "debian", "apk": "alpine"}.get(package.kind, "")
        qualifiers["arch"] = package.architecture
        qualifiers["distro"] = f"{release.id}-{release.version}" if release.id and release.version else ""
        if package.kind == "rpm" and re.match(r"\d+:", version):
            qualifiers["epoch"], _, version = version.partition(":")
        qualifiers["upstream"] = package.source
    elif package.kind == "pypi":
        name = re.sub(r"[-_.]+", "-", name).lower()
    elif package.kind == "npm" and name.startswith("@"):
        namespace, _, name = name.partition("/")
    place = "/".join(quote(part, _SAFE) for part in (package.kind, namespace, name) if part)
    asked = "&".join(f"{key}={quote(value, _SAFE + ':')}" for key, value in sorted(qualifiers.items()) if value)
    return f"pkg:{place}@{quote(version, _SAFE + ':')}" + (f"?{asked}" if asked else "")
