"""What a build is told about words that it cannot take, as buildx words it."""

import pytest

from sampan.cli.builder.build import COMMAND
from sampan.cli.builder.build_options import build_options
from sampan.cli.command import Settings
from sampan.cli.errors import ClientError
from sampan.cli.flags import parse


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--build-arg", "=x", "."), 'ERROR: invalid key-value pair "=x": empty key'),
        (("--label", "=x", "."), 'ERROR: invalid key-value pair "=x": empty key'),
        (("--add-host", "foo", "."), "ERROR: failed to build: invalid host foo"),
        (("--add-host", "a:b", "."), "ERROR: failed to build: invalid host a:b"),
        (("--annotation", "x", "."), 'failed to build: parse annotations: invalid annotation "x", expected key=value'),
        (("--cache-to", "type=inline,mode=max", "."), "mode=max of --cache-to type=inline is not supported"),
        (("",), 'ERROR: failed to build: please specify build context (e.g. "." for the current directory)'),
    ],
)
def test_what_cannot_be_meant_is_an_error_in_buildxs_words(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ClientError) as raised:
        build_options(parse(COMMAND.flags, [*words]), Settings())
    assert message in str(raised.value)
