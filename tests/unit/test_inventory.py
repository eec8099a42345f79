"""The packages that are found in an image, and how they are written down."""

import json
import os
import sqlite3
import struct
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sampan.images.inventory import Tree
from sampan.inspection import apk, dpkg, inventory, node, python, rpm, spdx
from sampan.inspection.purl import purl
from sampan.inspection.values import Files, Inventory, Package, Release, Unreadable

DEBIAN = Release("debian", "12", "Debian GNU/Linux 12 (bookworm)")


class Held:
    """Files in memory."""

    def __init__(self, held: Mapping[str, bytes]) -> None:
        self._held = held

    def read(self, path: str, most: int) -> bytes:
        if path not in self._held:
            raise FileNotFoundError(2, "No such file or directory", path)
        if len(self._held[path]) > most:
            raise Unreadable("it is too large")
        return self._held[path]

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        for folder in sorted({path.rpartition("/")[0] for path in self._held}):
            yield folder, sorted(path.rpartition("/")[2] for path in self._held if path.rpartition("/")[0] == folder)


NOTHING: Files = Held({})

DPKG_STATUS = b"""\
Package: curl
Status: install ok installed
Maintainer: A Person <a@example.org>
Architecture: amd64
Source: curl-src (7.88)
Version: 7.88.1-10
Description: text
 Version: 9 is in the description

Package: removed
Status: deinstall ok config-files
Version: 1

Package: half
Status: install ok half-installed
Version: 1
"""
APK_INSTALLED = b"""\
C:Q1abc=
P:busybox
V:1.36.1-r5
A:x86_64
L:GPL-2.0-only
o:busybox-src
m:A Person <a@example.org>
F:bin
R:busybox

P:musl
V:1.2.4-r2
A:x86_64
L:MIT
o:musl
"""
METADATA = b"""\
Metadata-Version: 2.1
Name: Flask_Thing
Version: 3.0.0
License: BSD-3-Clause
Author: A Person

Name: not-this
"""


def _rpm_header(fields: Mapping[int, str | int]) -> bytes:
    entries, data = b"", b""
    for tag, value in sorted(fields.items()):
        if isinstance(value, int):
            data += b"\0" * (-len(data) % 4)
            entries += struct.pack(">IIII", tag, 4, len(data), 1)
            data += struct.pack(">I", value)
        else:
            entries += struct.pack(">IIII", tag, 6, len(data), 1)
            data += value.encode() + b"\0"
    return struct.pack(">II", len(fields), len(data)) + entries + data


def _rpm_database(*blobs: bytes) -> bytes:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    database.executemany("INSERT INTO Packages(blob) VALUES(?)", [(blob,) for blob in blobs])
    database.commit()
    return database.serialize()


BASH = _rpm_header({1000: "bash", 1001: "5.2", 1002: "1.fc39", 1003: 2, 1011: "Fedora", 1014: "GPLv3+", 1022: "x86_64"})


def test_dpkg_lists_what_is_installed_only() -> None:
    found = list(dpkg.read("var/lib/dpkg/status", DPKG_STATUS, NOTHING))
    assert found == [
        Package("deb", "curl", "7.88.1-10", "amd64", (), "curl-src", "A Person <a@example.org>", "var/lib/dpkg/status")
    ]


def test_dpkg_reads_licences_of_copyright_files_for_machines() -> None:
    text = b"Format: https://www.debian.org/doc/\n\nFiles: *\nLicense: MIT\n\nFiles: x\nLicense: GPL-2+\n text\n"
    files = Held({"usr/share/doc/curl/copyright": text})
    assert next(dpkg.read("s", DPKG_STATUS, files)).licences == ("GPL-2+", "MIT")
    assert next(dpkg.read("s", DPKG_STATUS, Held({"usr/share/doc/curl/copyright": b"prose"}))).licences == ()


def test_a_name_that_leads_elsewhere_is_not_looked_up() -> None:
    files = Held({"usr/share/doc/../../../etc/copyright": b"Format: x\nLicense: MIT\n"})
    status = b"Package: ../../../etc\nVersion: 1\n"
    assert next(dpkg.read("s", status, files)).licences == ()


def test_apk_lists_its_packages() -> None:
    first, second = apk.read("lib/apk/db/installed", APK_INSTALLED, NOTHING)
    assert (first.name, first.version, first.licences, first.source) == (
        "busybox",
        "1.36.1-r5",
        ("GPL-2.0-only",),
        "busybox-src",
    )
    assert (second.name, second.source) == ("musl", "")


def test_rpm_lists_the_headers_of_its_database() -> None:
    key = _rpm_header({1000: "gpg-pubkey", 1001: "1", 1002: "2"})
    (found,) = rpm.read("var/lib/rpm/rpmdb.sqlite", _rpm_database(BASH, key), NOTHING)
    assert found == Package(
        "rpm", "bash", "2:5.2-1.fc39", "x86_64", ("GPLv3+",), "", "Fedora", "var/lib/rpm/rpmdb.sqlite"
    )


def test_an_rpm_database_with_a_log_beside_it_is_read() -> None:
    content = bytearray(_rpm_database(BASH))
    content[18:20] = b"\x02\x02"
    assert [package.name for package in rpm.read("rpmdb.sqlite", bytes(content), NOTHING)] == ["bash"]


def test_a_view_that_calls_itself_packages_is_not_run() -> None:
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE VIEW Packages AS WITH RECURSIVE n(blob) AS (SELECT 1 UNION ALL SELECT blob FROM n) SELECT * FROM n"
    )
    with pytest.raises(Unreadable, match="no table of packages"):
        list(rpm.read("rpmdb.sqlite", database.serialize(), NOTHING))


@pytest.mark.parametrize(("name", "form"), [("Packages", "Berkeley DB"), ("Packages.db", "ndb")])
def test_older_rpm_databases_are_named_as_not_read(name: str, form: str) -> None:
    with pytest.raises(Unreadable, match=form):
        list(rpm.read(f"var/lib/rpm/{name}", b"", NOTHING))


@given(some.binary(max_size=200))
def test_a_damaged_rpm_header_is_unreadable_or_says_nothing(junk: bytes) -> None:
    try:
        list(rpm.read("rpmdb.sqlite", _rpm_database(junk), NOTHING))
    except Unreadable:
        return


@given(some.binary(max_size=300))
def test_readers_survive_anything(junk: bytes) -> None:
    for read in (dpkg.read, apk.read, python.read, node.read, rpm.read):
        try:
            list(read("x/rpmdb.sqlite", junk, NOTHING))
        except Unreadable:
            continue


def test_python_reads_the_head_of_the_metadata_only() -> None:
    (found,) = python.read("x.dist-info/METADATA", METADATA, NOTHING)
    assert (found.name, found.version, found.licences) == ("Flask_Thing", "3.0.0", ("BSD-3-Clause",))


@pytest.mark.parametrize(
    ("fields", "licences", "supplier"),
    [
        ({"license": "MIT", "author": "Jo <j@x> (url)"}, ("MIT",), "Jo"),
        ({"license": {"type": "ISC"}, "author": {"name": "Jo"}}, ("ISC",), "Jo"),
        ({"licenses": [{"type": "MIT"}, {"type": "ISC"}]}, ("MIT", "ISC"), ""),
        ({"license": 5, "author": 7}, (), ""),
    ],
)
def test_node_reads_licences_of_every_age(fields: dict[str, object], licences: tuple[str, ...], supplier: str) -> None:
    content = json.dumps({"name": "left", "version": "1.0.0", **fields}).encode()
    (found,) = node.read("node_modules/left/package.json", content, NOTHING)
    assert (found.licences, found.supplier) == (licences, supplier)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("var/lib/dpkg/status", "dpkg"),
        ("var/lib/dpkg/status.d/base-files", "dpkg"),
        ("var/lib/dpkg/status.d/base-files.md5sums", ""),
        ("var/lib/dpkg/status-old", ""),
        ("lib/apk/db/installed", "apk"),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite", "rpm"),
        ("var/lib/rpm/Packages", "rpm"),
        ("venv/lib/python3.12/site-packages/flask-3.dist-info/METADATA", "python"),
        ("usr/lib/python3/dist-packages/apt.egg-info", "python"),
        ("x/METADATA", ""),
        ("app/node_modules/left/package.json", "node"),
        ("app/node_modules/@types/node/package.json", "node"),
        ("node_modules/left/package.json", "node"),
        ("app/node_modules/@types/package.json", ""),
        ("app/node_modules/left/lib/package.json", ""),
        ("app/package.json", ""),
    ],
)
def test_files_that_list_packages_are_known_by_their_place(path: str, kind: str) -> None:
    folder, _, name = path.rpartition("/")
    modules = {"dpkg": dpkg, "apk": apk, "rpm": rpm, "python": python, "node": node}
    assert [key for key, module in modules.items() if module.wants(folder, name)] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        (Package("deb", "curl", "1:7+b1", "amd64"), "pkg:deb/debian/curl@1:7%2Bb1?arch=amd64&distro=debian-12"),
        (
            Package("rpm", "bash", "2:5.2-1", "x86_64"),
            "pkg:rpm/debian/bash@5.2-1?arch=x86_64&distro=debian-12&epoch=2",
        ),
        (Package("pypi", "Flask_Thing", "3.0"), "pkg:pypi/flask-thing@3.0"),
        (Package("npm", "@types/node", "20.1.0"), "pkg:npm/%40types/node@20.1.0"),
    ],
)
def test_package_urls(package: Package, expected: str) -> None:
    assert purl(package, DEBIAN) == expected


def test_the_inventory_tells_what_it_could_not_read() -> None:
    files = Held(
        {
            "var/lib/dpkg/status": DPKG_STATUS,
            "var/lib/rpm/Packages": b"",
            "app/node_modules/bad/package.json": b"{",
            "etc/os-release": b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian"\n',
        }
    )
    found = inventory.take(files)
    assert found.release == Release("debian", "12", "Debian")
    assert [package.name for package in found.packages] == ["curl"]
    assert [path for path, _ in found.unread] == ["app/node_modules/bad/package.json", "var/lib/rpm/Packages"]


@pytest.mark.parametrize(
    ("licences", "declared", "refs"),
    [
        ((), "NOASSERTION", {}),
        (("MIT",), "MIT", {}),
        (("MIT OR Apache-2.0", "ISC"), "(MIT OR Apache-2.0) AND ISC", {}),
        (("GPLv3+",), "LicenseRef-GPLv3", {"LicenseRef-GPLv3": "GPLv3+"}),
        (("MIT AND",), "LicenseRef-MIT-AND", {"LicenseRef-MIT-AND": "MIT AND"}),
        (("x y", "x-y"), "LicenseRef-x-y AND LicenseRef-x-y-", {"LicenseRef-x-y": "x y", "LicenseRef-x-y-": "x-y"}),
    ],
)
def test_licences_are_written_as_spdx_has_them(licences: tuple[str, ...], declared: str, refs: dict[str, str]) -> None:
    entered: dict[str, str] = {}
    assert (spdx.declared(licences, entered), entered) == (declared, refs)


def test_an_spdx_document_names_every_package_once_and_is_the_same_each_time() -> None:
    packages = (Package("deb", "a", "1", location="s"), Package("npm", "@a/b", "2", licences=("odd",), location="p"))
    held = Inventory(DEBIAN, packages, (("var/lib/rpm/Packages", "why"),))
    first = spdx.document("app:1", held, "2020-01-01T00:00:00Z", "sampan-1")
    assert first == spdx.document("app:1", held, "2020-01-01T00:00:00Z", "sampan-1")
    assert first["spdxVersion"] == "SPDX-2.3"
    identifiers = [package["SPDXID"] for package in first["packages"]]
    assert len(set(identifiers)) == 3
    contained = [one["relatedSpdxElement"] for one in first["relationships"] if one["relationshipType"] == "CONTAINS"]
    assert contained == identifiers[1:]
    assert first["hasExtractedLicensingInfos"][0]["extractedText"] == "odd"
    assert "not read: var/lib/rpm/Packages: why" in first["comment"]


def test_links_in_an_image_do_not_lead_out_of_it(tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(DPKG_STATUS)
    folder = tmp_path / "root/var/lib/dpkg"
    folder.mkdir(parents=True)
    (folder / "status").symlink_to(outside)
    (tmp_path / "root/loop").symlink_to("..")
    root = os.open(tmp_path / "root", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert inventory.take(Tree(root)).packages == ()
    finally:
        os.close(root)
