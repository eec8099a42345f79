"""Make pagetext-1.0-py3-none-any.whl beside this file from the folder pagetext; the same bytes each time.

The wheel stands in for what a project would fetch from its package index: the example builds without any network.
"""

import base64
import hashlib
import os
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
INFO = "pagetext-1.0.dist-info"
WHEEL = os.path.join(HERE, "pagetext-1.0-py3-none-any.whl")


def files() -> dict[str, bytes]:
    with open(os.path.join(HERE, "pagetext/__init__.py"), "rb") as file:
        content = {"pagetext/__init__.py": file.read()}
    content[f"{INFO}/METADATA"] = b"Metadata-Version: 2.1\nName: pagetext\nVersion: 1.0\n"
    content[f"{INFO}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: make_wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = [f"{name},sha256={digest(data)},{len(data)}\n" for name, data in content.items()]
    content[f"{INFO}/RECORD"] = ("".join(record) + f"{INFO}/RECORD,,\n").encode()
    return content


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def main() -> None:
    with zipfile.ZipFile(WHEEL, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files().items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)


if __name__ == "__main__":
    main()
