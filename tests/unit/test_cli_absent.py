"""Commands of docker that one host has no use for are refused by name."""

import pytest

from sampan.cli.absent import answer
from sampan.cli.errors import ClientError
from sampan.cli.main import find


@pytest.mark.parametrize("group", ["service", "node", "stack", "secret", "config"])
def test_a_command_of_a_swarm_is_answered_as_by_a_node_without_one(group: str) -> None:
    with pytest.raises(ClientError, match="This node is not a swarm manager") as caught:
        find([group, "ls"])
    assert caught.value.exit_code == 1
    assert caught.value.hint


def test_a_plugin_is_named_in_the_refusal() -> None:
    found = answer(["plugin", "inspect", "nope"])
    assert found is not None and found.message == 'Error response from daemon: plugin "nope" not found'


def test_a_word_that_docker_does_not_know_is_no_absent_command() -> None:
    assert answer(["nonsense"]) is None
