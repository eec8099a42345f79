"""Settings files: what they may say, and where a mistake is."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.containers.inherited import inherit
from sampan.containers.options import RunOptions, Ulimit
from sampan.errors import InvalidArgument, NotFound, PermissionDenied
from sampan.settings import reading, sources
from sampan.settings.keys import KEYS
from sampan.settings.lines import places
from sampan.settings.model import AddressPool, DefaultUlimit, Registry, Settings

WHOLE = """
publish_local_only = true  # said once
runtime = "crun"
init = true

[log]
driver = "local"
options = { max-size = "10m", max-file = 3 }

[dns]
servers = [
    "192.0.2.53",  # ours
    "2001:db8::53",
]
search = ["example.com"]
options = ["ndots:1"]

[limits]
memory = "1.5g"
pids = 2048
shm_size = "128m"
ulimits = { nofile = "1024:4096", core = 0 }

[[address_pools]]
base = "10.200.0.0/16"
size = 24

[[registries]]
name = "registry.example.com:5000"
insecure = true
mirrors = ["https://mirror.example.com"]
"""


def test_every_key_is_read() -> None:
    values, origins = reading.read(WHOLE, "c.toml")
    assert Settings(**values) == Settings(
        publish_local_only=True,
        runtime="crun",
        init=True,
        log_driver="local",
        log_options={"max-size": "10m", "max-file": "3"},
        dns_servers=("192.0.2.53", "2001:db8::53"),
        dns_search=("example.com",),
        dns_options=("ndots:1",),
        memory_bytes=1536 << 20,
        pids_limit=2048,
        shm_size_bytes=128 << 20,
        ulimits=(DefaultUlimit("nofile", 1024, 4096), DefaultUlimit("core", 0, 0)),
        address_pools=(AddressPool("10.200.0.0/16", 24),),
        registries=(Registry("registry.example.com:5000", True, ("https://mirror.example.com",)),),
    )
    assert set(origins) == set(Settings._fields)
    assert (origins["dns_search"], origins["registries"]) == ("c.toml:15", "c.toml:28")


def test_every_example_is_right() -> None:
    for key in KEYS:
        table = f"[{key.name.rpartition('.')[0]}]\n" if "." in key.name else ""
        values, _ = reading.read(table + key.example, "c.toml")
        assert set(values) == {key.field}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("\ninit = 1", "c.toml:2: init = 1: true or false is wanted", "init = true"),
        ("inot = true", "c.toml:1: inot = true: there is no such setting", "did you mean init?"),
        ("memory = '1g'", 'c.toml:1: memory = "1g": there is no such setting', "did you mean limits.memory?"),
        ("[limits]\n\nmemori = 1", "c.toml:3: limits.memori = 1: there is no such setting", "limits.memory?"),
        ("[limits]\nmemory = '1m'", 'c.toml:2: limits.memory = "1m": a container needs 6m at least', "2g"),
        ("[limits]\nmemory = 'much'", 'limits.memory = "much": a size is wanted', "2g"),
        ("[limits]\npids = -4", "limits.pids = -4: a whole number is wanted", "2048"),
        ("[limits.ulimits]\nnofile = '9:3'", 'c.toml:2: limits.ulimits.nofile = "9:3": the soft limit is above', ""),
        ("[limits.ulimits]\nnofiles = 3", "c.toml:2: limits.ulimits.nofiles = 3: there is no nofiles", "nofile?"),
        ("limits = 3", "c.toml:1: limits = 3: a table is wanted", "[limits]"),
        ("[dns]\nservers = ['192.0.2.1', 'x']", 'c.toml:2: dns.servers[1] = "x": an IP address is wanted', "servers ="),
        ("[dns]\nservers = '192.0.2.1'", 'dns.servers = "192.0.2.1": a list is wanted', "servers ="),
        ("[log]\ndriver = 'splunk'", 'log.driver = "splunk": one of json-file, local', "local"),
        ("[log.options]\nmax-files = 2", "c.toml:2: log.options.max-files = 2: there is no max-files", "max-file?"),
        ("[log.options]\nmax-size = 'x'", 'log.options.max-size = "x": a size is wanted', "10m"),
        (
            "[[address_pools]]\nbase = '10.0.0.0/8'\nsize = 16\n[[address_pools]]\nbase = '10.1.0.5/16'\nsize = 24",
            'c.toml:5: address_pools[1].base = "10.1.0.5/16": its host bits are set',
            "base",
        ),
        ("[[address_pools]]\nbase = '10.0.0.0/8'\nsize = 4", "c.toml:3: address_pools[0].size = 4: a prefix", "size"),
        ("[[address_pools]]\nbase = '10.0.0.0/8'", "c.toml:1: address_pools[0] = ", "size"),
        ("[[registries]]\nname = 'https://x'", 'registries[0].name = "https://x": a host is wanted', "name"),
        ("[[registries]]\nname = 'x'\nmirrors = ['x']", "c.toml:3: registries[0].mirrors[0]", "name"),
        ("runtime = 'kata'", 'runtime = "kata": "crun", "runc" or the path', "crun"),
        ("init = true\ninit = false", "c.toml:2: cannot overwrite a value", "TOML"),
        ("init = ", "c.toml:1: invalid value", "TOML"),
        ("\n\n[log", "c.toml:3: ", "TOML"),
    ],
)
def test_a_mistake_is_told_with_line_key_value_and_example(text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        reading.read(text, "c.toml")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_lines_are_counted_through_texts_and_arrays_of_several_lines() -> None:
    text = 'a = """\nb = 1\n[x]\n"""\nc = [ # ]\n"]",\n[1],\n]\n[x."y.z"]\nq.r = \'"""\'\n'
    text += "[[l]]\nm = 1\n[[l]]\n[l.n]\no = 2\n"
    assert places(text) == {
        ("a",): 1,
        ("c",): 5,
        ("x", "y.z"): 9,
        ("x", "y.z", "q", "r"): 10,
        ("l",): 11,
        ("l", 0): 11,
        ("l", 0, "m"): 12,
        ("l", 1): 13,
        ("l", 1, "n"): 14,
        ("l", 1, "n", "o"): 15,
    }


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        reading.read(text, "c.toml")
    except InvalidArgument as error:
        assert error.message.startswith("c.toml:")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for both files; no variable says anything."""
    monkeypatch.setattr(sources, "SYSTEM", str(tmp_path / "system.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv(sources.VARIABLE, raising=False)
    monkeypatch.delenv(sources.LOCAL_ONLY, raising=False)
    (tmp_path / "sampan").mkdir()
    return tmp_path


def test_the_users_file_lies_over_the_systems_key_by_key(home: Path) -> None:
    assert sources.load().settings == Settings()
    (home / "system.toml").write_text("init = true\nruntime = 'runc'\n")
    (home / "sampan/config.toml").write_text("\nruntime = 'crun'\n")
    loaded = sources.load()
    assert (loaded.settings.init, loaded.settings.runtime) == (True, "crun")
    assert loaded.origins == {
        "init": f"{home}/system.toml:1",
        "runtime": f"{home}/sampan/config.toml:2",
    }


def test_the_variable_names_one_file_instead(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "system.toml").write_text("init = true\n")
    (home / "mine.toml").write_text("publish_local_only = true\n")
    monkeypatch.setenv(sources.VARIABLE, str(home / "mine.toml"))
    assert sources.load().settings == Settings(publish_local_only=True)
    monkeypatch.setenv(sources.LOCAL_ONLY, "0")
    assert sources.load().settings == Settings()
    monkeypatch.setenv(sources.VARIABLE, "")
    assert sources.load().settings == Settings()
    monkeypatch.setenv(sources.VARIABLE, str(home / "nowhere"))
    with pytest.raises(NotFound, match="does not exist"):
        sources.load()


@pytest.mark.parametrize("mode", [0o646, 0o664])
def test_a_file_that_others_can_write_is_not_trusted(home: Path, mode: int) -> None:
    (home / "system.toml").write_text("init = true\n")
    (home / "system.toml").chmod(mode)
    with pytest.raises(PermissionDenied, match="can be written by others"):
        sources.load()


def test_a_file_that_changes_its_mode_after_the_look_is_not_trusted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stamp(path: str) -> sources.Stamp | None:
        return (path, 1, 1, 1) if path == sources.SYSTEM else None

    (home / "system.toml").write_text("init = true\n")
    (home / "system.toml").chmod(0o666)
    monkeypatch.setattr(sources, "_stamp", stamp)
    with pytest.raises(PermissionDenied):
        sources.load()


def test_what_was_kept_holds_until_a_file_changes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = str(home / "kept")
    file = home / "system.toml"
    file.write_text(WHOLE)
    first = sources.load(cache)
    with monkeypatch.context() as patched:
        patched.setattr(reading, "read", None)
        assert sources.load(cache) == first
    file.write_text("init = true\n")
    assert sources.load(cache).settings == Settings(init=True)
    for broken in ("", "{", '{"stamps": 1}', "[]"):
        Path(cache).write_text(broken)
        assert sources.load(cache).settings == Settings(init=True)


def test_a_container_inherits_what_its_options_leave_open() -> None:
    settings = Settings(**reading.read(WHOLE, "c.toml")[0])
    made = inherit(RunOptions("x"), settings)
    assert (made.runtime, made.init, made.log_driver) == ("crun", True, "local")
    assert (made.memory_bytes, made.pids_limit, made.shm_size_bytes) == (1536 << 20, 2048, 128 << 20)
    assert made.publish_address == "127.0.0.1"
    assert made.ulimits == (Ulimit("nofile", 1024, 4096), Ulimit("core", 0, 0))
    own = RunOptions(
        "x",
        runtime="runc",
        init=False,
        log_driver="json-file",
        memory_bytes=-1,
        pids_limit=-1,
        shm_size_bytes=1 << 20,
        ulimits=(Ulimit("core", 1, 1),),
        dns=("192.0.2.1",),
    )
    kept = inherit(own, settings)
    assert (kept.runtime, kept.init, kept.log_driver, kept.log_options) == ("runc", False, "json-file", {})
    assert (kept.memory_bytes, kept.pids_limit, kept.shm_size_bytes) == (0, -1, 1 << 20)
    assert kept.ulimits == (Ulimit("core", 1, 1), Ulimit("nofile", 1024, 4096))
    assert (kept.dns, kept.dns_search) == (("192.0.2.1",), ("example.com",))
    assert inherit(RunOptions("x", network="host"), settings).dns == ()
    assert inherit(RunOptions("x", log_options={"max-size": "1m"}), settings).log_options == {
        "max-size": "1m",
        "max-file": "3",
    }


def test_every_key_is_in_the_guide() -> None:
    page = (Path(__file__).parents[2] / "docs/guide/settings.md").read_text()
    assert [key.name for key in KEYS if f"`{key.name}`" not in page] == []


VALUES = st.recursive(
    st.booleans()
    | st.integers(-5, 1 << 70)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["", "1g", "10.0.0.0/8"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["base", "size", "name", "mirrors", "nofile", "max-size", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def toml(value: object) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {toml(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


@given(
    st.dictionaries(st.sampled_from([*(key.name for key in KEYS), "log", "dns", "limits", "odd"]), VALUES, max_size=3)
)
def test_no_value_breaks_the_reader(values: dict[str, object]) -> None:
    text = "\n".join(f"{name} = {toml(value)}" for name, value in values.items())
    try:
        found, origins = reading.read(text, "c.toml")
    except InvalidArgument as error:
        assert error.message.startswith("c.toml:")
        assert error.hint
    else:
        assert set(found) == set(origins)
        Settings()._replace(**found)
