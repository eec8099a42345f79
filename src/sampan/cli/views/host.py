"""`version` and `info` for people."""

from typing import Any

from sampan.cli.output import human_size


def versions(document: dict[str, Any]) -> str:
    """Client and engine are one program; both parts are shown, as scripts expect."""
    lines = []
    for name, value in document.items():
        if isinstance(value, dict):
            lines.append(f"{name}:")
            lines += _fields(value, " ")
        else:
            lines.append(f"{name}: {value}")
        if isinstance(value, dict):
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _fields(document: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for name, value in document.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{name}:")
            lines += _fields(value, indent + " ")
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict) and "Name" in item:
                    lines.append(f"{indent}{item['Name']}:")
                    lines += _fields({key: text for key, text in item.items() if key != "Name"}, indent + " ")
        elif value not in (None, ""):
            lines.append(f"{indent}{name + ':':<18}{_text(value)}")
    return lines


def information(document: dict[str, Any]) -> str:
    """The lines of `docker info` that hold here."""
    runtimes = " ".join(document["Runtimes"])
    lines = [
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
        f"Runtimes: {runtimes}",
        f"Default Runtime: {document['DefaultRuntime']}",
        f"Init Binary: {document['InitBinary']}",
        "Security Options:",
        *(f" {option.removeprefix('name=').replace(',', chr(10) + '  ')}" for option in document["SecurityOptions"]),
        f"Kernel Version: {document['KernelVersion']}",
        f"Operating System: {document['OperatingSystem']}",
        f"OSType: {document['OSType']}",
        f"Architecture: {document['Architecture']}",
        f"CPUs: {document['NCPU']}",
        f"Total Memory: {human_size(document['MemTotal'], 4)}",
        f"Name: {document['Name']}",
        f"ID: {document['ID']}",
        f"Root Dir: {document['DockerRootDir']}",
    ]
    lines += [f"WARNING: {warning}" for warning in document.get("Warnings") or []]
    return "\n".join(lines) + "\n"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
