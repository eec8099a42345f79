"""The systemd unit of a root: its name, its words, its place. Pure."""

import pytest

from sampan.engine.service import Service, unit
from sampan.storage.paths import DEFAULT_ROOT, paths_of


def test_the_default_root_has_the_plain_name() -> None:
    assert Service(paths_of(DEFAULT_ROOT)).path == "/etc/systemd/system/sampan.service"
    other = paths_of("/srv/other")
    assert Service(other).name == f"sampan-{other.key}.service"


def test_a_user_has_units_of_his_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/u/.config")
    assert Service(paths_of(DEFAULT_ROOT), True).path == "/home/u/.config/systemd/user/sampan.service"
    assert "WantedBy=default.target" in unit(DEFAULT_ROOT, ("sampan",), is_user=True)


def test_words_that_mean_something_to_systemd_are_escaped() -> None:
    text = unit("/srv/a b/100%", ("/opt/$x/sampan",), is_user=False)
    assert 'ExecStart=/opt/$$x/sampan --root "/srv/a b/100%%" system resume\n' in text
    assert "WantedBy=multi-user.target" in text
