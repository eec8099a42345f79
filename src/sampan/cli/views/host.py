"""`version` and `info` for people, in docker's layout."""

from collections.abc import Iterator
from typing import Any

from sampan.cli.gotemplate import Record, Value
from sampan.cli.output import binary_size


def versions(document: dict[str, Any]) -> str:
    """Client and engine are one program; both parts are shown, as scripts expect."""
    client, server = document["Client"], document["Server"]
    platform = f"{client['Os']}/{client['Arch']}"
    lines = [
        "Client:",
        *_aligned(
            " ",
            ("Version", client["Version"]),
            ("API version", client["ApiVersion"]),
            ("Python version", client["PythonVersion"]),
            ("OS/Arch", platform),
            ("Context", client["Context"]),
        ),
        "",
        f"Server: {server['Platform']['Name']}".rstrip(),
    ]
    for component in server["Components"]:
        details = component["Details"]
        lines.append(f" {component['Name']}:")
        if component["Name"] == "Engine":
            shown = [
                ("API version", f"{details['ApiVersion']} (minimum version {details['MinAPIVersion']})"),
                ("Python version", details["PythonVersion"]),
                ("OS/Arch", platform),
            ]
        else:
            shown = list(details.items())
        lines += _aligned("  ", ("Version", component["Version"]), *shown)
    return "\n".join(lines) + "\n"


def _aligned(indent: str, *pairs: tuple[str, str]) -> Iterator[str]:
    for name, value in pairs:
        yield f"{indent}{name + ':':<{20 - len(indent)}}{value}"


def information(document: dict[str, Any]) -> str:
    """The lines of `docker info` that hold here."""
    lines = ["Client:", f" Version:    {document['ServerVersion']}", " Context:    default", " Debug Mode: false", ""]
    lines += ["Server:", *(f" {line}" for line in _server(document)), ""]
    return "\n".join(lines) + "\n"


def _server(document: dict[str, Any]) -> list[str]:
    return [
        f"Containers: {document['Containers']}",
        f" Running: {document['ContainersRunning']}",
        f" Paused: {document['ContainersPaused']}",
        f" Stopped: {document['ContainersStopped']}",
        f"Images: {document['Images']}",
        f"Server Version: {document['ServerVersion']}",
        f"Storage Driver: {document['Driver']}",
        *(f" {name}: {value}" for name, value in document["DriverStatus"]),
        f"Logging Driver: {document['LoggingDriver']}",
        f"Cgroup Driver: {document['CgroupDriver']}",
        f"Cgroup Version: {document['CgroupVersion']}",
        "Plugins:",
        *(f" {name}: {' '.join(found)}" for name, found in document["Plugins"].items() if found),
        *(("CDI spec directories:",) if document["CDISpecDirs"] else ()),
        *(f" {path}" for path in document["CDISpecDirs"]),
        f"Swarm: {document['Swarm']['LocalNodeState']}",
        f"Runtimes: {' '.join(document['Runtimes'])}",
        f"Default Runtime: {document['DefaultRuntime']}",
        f"Init Binary: {document['InitBinary']}",
        "Security Options:",
        *(line for option in document["SecurityOptions"] for line in _security_option(option)),
        f"Kernel Version: {document['KernelVersion']}",
        f"Operating System: {document['OperatingSystem']}",
        f"OSType: {document['OSType']}",
        f"Architecture: {document['Architecture']}",
        f"CPUs: {document['NCPU']}",
        f"Total Memory: {binary_size(document['MemTotal'])}",
        f"Name: {document['Name']}",
        f"ID: {document['ID']}",
        f"Docker Root Dir: {document['DockerRootDir']}",
        "Debug Mode: false",
        "Experimental: false",
        *_settings(document),
        f"Live Restore Enabled: {str(document['LiveRestoreEnabled']).lower()}",
    ]


def _settings(document: dict[str, Any]) -> Iterator[str]:
    """What files of settings say; nothing where there is none."""
    pools = document.get("DefaultAddressPools", ())
    if pools:
        yield "Default Address Pools:"
        yield from (f"  Base: {pool['Base']}, Size: {pool['Size']}" for pool in pools)
    insecure = [name for name, one in document["RegistryConfig"]["IndexConfigs"].items() if not one["Secure"]]
    if insecure:
        yield "Insecure Registries:"
        yield from (f"  {name}" for name in insecure)
    if document["PublishLocalOnly"]:
        yield "Publish Local Only: true"
    if document["SettingsFiles"]:
        yield f"Settings: {', '.join(document['SettingsFiles'])}"


def _security_option(option: str) -> Iterator[str]:
    """ "name=seccomp,profile=builtin" as a name with its settings below it."""
    name, *settings = option.removeprefix("name=").split(",")
    yield f" {name}"
    for setting in settings:
        key, _, value = setting.partition("=")
        yield f"  {key.capitalize()}: {value}"


def version_record(document: dict[str, Any]) -> Record:
    """The document of `version` for templates, with docker's names of its types."""
    client = Record("system.clientVersion", document["Client"])
    return Record("system.versionInfo", {"Client": client, "Server": Record("*types.Version", document["Server"])})


def information_record(document: dict[str, Any]) -> Record:
    """The document of `info` for templates, with docker's names of its types."""
    fields = {"DefaultAddressPools": [], **document, "Swarm": Record("swarm.Info", document["Swarm"])}
    return _Information("system.dockerInfo", fields)


class _Information(Record):
    """The fields of `info`; JSON leaves out pools that nobody chose."""

    def document(self) -> dict[str, Value]:
        fields = self.plain()
        return (
            fields if fields["DefaultAddressPools"] else {k: v for k, v in fields.items() if k != "DefaultAddressPools"}
        )
