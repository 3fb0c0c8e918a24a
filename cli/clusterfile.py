"""What is known of the local cluster, on disk.

    DIR/cluster.json     the shape of the cluster and its members (this module's format)
    DIR/lock             held while `up` or `down` works
    DIR/NAME/            a member's data       (NAME: namenode, datanode-1, …)
    DIR/NAME.log         its stdout and stderr, appended to
    DIR/NAME.pid         its pid, for scripts

    $XDG_STATE_HOME/mapred/current     the DIR of the last `up`

DIR is $XDG_STATE_HOME/mapred/cluster by default (~/.local/state/mapred/cluster).
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from blockstore.errors import ConfigException

from . import processes

VERSION: Final = 1


class Shape(msgspec.Struct, frozen=True):
    """What `up` was asked for."""

    datanodes: int = 3
    tasktrackers: int = 3
    slots: int = 2
    namenode_port: int = 0
    jobtracker_port: int = 0
    # "ROLE.name=value", passed on as --conf name=value.
    settings: tuple[str, ...] = ()


class Member(msgspec.Struct, frozen=True):
    """One daemon as it was started."""

    name: str
    # "namenode", "datanode", "jobtracker" or "tasktracker".
    role: str
    pid: int
    birth: str
    # From its ready line.
    address: str
    started_at_s: float

    @property
    def alive(self) -> bool:
        return processes.is_alive(self.pid, self.birth)


class ClusterFile(msgspec.Struct, frozen=True):
    """The content of cluster.json."""

    directory: str
    shape: Shape
    members: tuple[Member, ...] = ()
    version: int = VERSION

    def member(self, name: str) -> Member | None:
        return next((member for member in self.members if member.name == name), None)

    @property
    def alive(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.alive)

    def having(self, member: Member) -> "ClusterFile":
        """The same with `member`, in place of one of its name if there is one."""
        others = tuple(other for other in self.members if other.name != member.name)
        return msgspec.structs.replace(self, members=(*others, member))


def state_home() -> Path:
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "mapred"


def _pointer() -> Path:
    return state_home() / "current"


def directory(option: str | None) -> Path:
    """The cluster's directory: as the option says, of the last `up`, or the default."""
    if option:
        return Path(option).absolute()
    try:
        return Path(_pointer().read_text(encoding="utf-8").strip())
    except OSError:
        return state_home() / "cluster"


def read(home: Path) -> ClusterFile | None:
    """None when there is no cluster in `home`.

    Raises:
        ConfigException: the file isn't one of ours.
    """
    path = home / "cluster.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        found = msgspec.json.decode(content, type=ClusterFile)
    except msgspec.DecodeError as error:
        raise ConfigException(
            f"{path} is damaged ({error}). Remove it, and end what still runs by the pids in "
            f"{home}/*.pid"
        ) from None
    if found.version != VERSION:
        raise ConfigException(f"{path} is of version {found.version}, this mapred reads {VERSION}")
    return found


def write(state: ClusterFile) -> None:
    """Replaces cluster.json and the pid files."""
    home = Path(state.directory)
    _replace(home / "cluster.json", msgspec.json.format(msgspec.json.encode(state)))
    known = {f"{member.name}.pid" for member in state.members}
    for stale in home.glob("*.pid"):
        if stale.name not in known:
            stale.unlink(missing_ok=True)
    for member in state.members:
        _replace(home / f"{member.name}.pid", f"{member.pid}\n".encode())


def point_to(home: Path) -> None:
    """From now on this is the local cluster that commands find."""
    state_home().mkdir(parents=True, exist_ok=True)
    _replace(_pointer(), f"{home}\n".encode())


def _replace(path: Path, content: bytes) -> None:
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_bytes(content)
    scratch.replace(path)


def running() -> ClusterFile | None:
    """The local cluster that commands find by themselves: one with a living process."""
    if not _pointer().exists():
        return None
    state = read(directory(None))
    return state if state and state.alive else None
