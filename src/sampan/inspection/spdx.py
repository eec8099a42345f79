"""A bill of materials as SPDX 2.3 JSON: an inventory written down. Pure; the same inventory gives the same document.

https://spdx.github.io/spdx-spec/v2.3/
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sampan.inspection.purl import purl
from sampan.inspection.values import Inventory, Package, Release

_NONE = "NOASSERTION"
# Those of the SPDX licence list that packages carry most often; any other is written as a LicenseRef.
_LISTED = """
0BSD AFL-2.1 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 Artistic-1.0 Artistic-2.0 BlueOak-1.0.0
BSD-1-Clause BSD-2-Clause BSD-3-Clause BSD-4-Clause BSL-1.0 bzip2-1.0.6 CC0-1.0 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-4.0
CDDL-1.0 curl EPL-1.0 EPL-2.0 GFDL-1.3-or-later GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only
GPL-3.0-or-later HPND ICU IJG ISC LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only
LGPL-3.0-or-later Libpng MIT MIT-0 MPL-1.1 MPL-2.0 MS-PL NCSA OFL-1.1 OLDAP-2.8 OpenSSL PHP-3.01 PostgreSQL PSF-2.0
Python-2.0 Ruby Sleepycat TCL Unicode-3.0 Unlicense Vim W3C WTFPL X11 Zlib ZPL-2.1
"""
_IDENTIFIERS = frozenset(_LISTED.split())
_TOKENS = re.compile(r"\(|\)|[A-Za-z0-9.+\-]+")


def document(name: str, inventory: Inventory, created: str, tool: str) -> dict[str, Any]:
    """The document about the image `name`, made at `created` (RFC 3339, whole seconds) by `tool` (NAME-VERSION)."""
    refs: dict[str, str] = {}
    packages = [_package(package, inventory.release, refs) for package in inventory.packages]
    root = {
        "SPDXID": "SPDXRef-DocumentRoot-Image",
        "name": name,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "primaryPackagePurpose": "CONTAINER",
    }
    relations = [_relation("SPDXRef-DOCUMENT", "DESCRIBES", str(root["SPDXID"]))]
    relations += [_relation(str(root["SPDXID"]), "CONTAINS", package["SPDXID"]) for package in packages]
    found: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"urn:spdx:{_identity(name, inventory)}",
        "creationInfo": {"created": created, "creators": [f"Tool: {tool}"]},
        "packages": [root, *packages],
        "relationships": relations,
    }
    if inventory.unread:
        found["comment"] = "\n".join(f"not read: {path}: {why}" for path, why in inventory.unread)
    if refs:
        found["hasExtractedLicensingInfos"] = [
            {"licenseId": ref, "name": text, "extractedText": text} for ref, text in sorted(refs.items())
        ]
    return found


def _identity(name: str, inventory: Inventory) -> str:
    digest = hashlib.sha256(name.encode())
    for package in inventory.packages:
        digest.update("\0".join(map(str, package)).encode(errors="replace"))
    return digest.hexdigest()


def _relation(one: str, kind: str, other: str) -> Mapping[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _package(package: Package, release: Release, refs: dict[str, str]) -> dict[str, Any]:
    url = purl(package, release)
    identity = hashlib.sha256(f"{url}\0{package.location}".encode(errors="replace")).hexdigest()[:16]
    found = {
        "SPDXID": f"SPDXRef-Package-{package.kind}-{_slug(package.name)}-{identity}",
        "name": package.name,
        "versionInfo": package.version,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "sourceInfo": f"acquired package info from: /{package.location}",
        "licenseConcluded": _NONE,
        "licenseDeclared": declared(package.licences, refs),
        "copyrightText": _NONE,
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url},
        ],
    }
    if package.supplier:
        kind = "Person" if package.kind in ("pypi", "npm") else "Organization"
        found["supplier"] = f"{kind}: {package.supplier}"
    return found


def declared(licences: Sequence[str], refs: dict[str, str]) -> str:
    """An SPDX expression: what is none becomes a LicenseRef, whose text is entered in `refs`."""
    parts = []
    for licence in licences:
        if _is_expression(licence):
            parts.append(f"({licence})" if " OR " in licence and len(licences) > 1 else licence)
        else:
            ref = f"LicenseRef-{_slug(licence)}"
            while refs.setdefault(ref, licence) != licence:  # two texts may look alike once they are plain
                ref += "-"
            parts.append(ref)
    return " AND ".join(dict.fromkeys(parts)) or _NONE


def _is_expression(text: str) -> bool:
    """Whether a licence is identifiers of SPDX's list, joined by AND and OR."""
    if _TOKENS.sub("", text).strip() or not text.strip():
        return False
    wanted, depth = True, 0  # an identifier is wanted; otherwise an operator is
    for token in _TOKENS.findall(text):
        if token == "(" and wanted:
            depth += 1
        elif token == ")" and not wanted and depth:
            depth -= 1
        elif wanted and token in _IDENTIFIERS:
            wanted = False
        elif not wanted and token in ("AND", "OR"):
            wanted = True
        else:
            return False
    return not wanted and not depth


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text)[:80].strip("-") or "other"
