"""The examples are what they say."""

import runpy
import zipfile
from pathlib import Path

VENDOR = Path(__file__).parents[2] / "examples/hello-web/vendor"


def test_the_vendored_wheel_is_made_from_the_source_beside_it() -> None:
    files = runpy.run_path(str(VENDOR / "make_wheel.py"))["files"]()
    with zipfile.ZipFile(VENDOR / "pagetext-1.0-py3-none-any.whl") as wheel:
        assert {name: wheel.read(name) for name in wheel.namelist()} == files
