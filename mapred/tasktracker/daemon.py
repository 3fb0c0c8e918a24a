"""`mapred tasktracker`: composition root of the TaskTracker.

The server of task processes is a program of its own, started first so that its imports run
beside ours; gRPC objects of this process never get near a fork.
"""

import logging
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from blockstore.errors import ConfigException
from blockstore.runtime import config, daemon
from blockstore.runtime.clock import SYSTEM_CLOCK
from mapred.model import TrackerInfo
from mapred.tasktracker.core import TaskTracker
from mapred.tasktracker.dircheck import DirectoryCheck
from mapred.tasktracker.heartbeat import HeartbeatLoop
from mapred.tasktracker.localdirs import Health, Look
from mapred.tasktracker.logkeeper import LogKeeper
from mapred.tasktracker.memory import for_tasks
from mapred.tasktracker.processes import Processes
from mapred.tasktracker.settings import TaskTrackerSettings
from mapred.tasktracker.workdirs import WorkDirs
from mapred.versions import engine_version, python_version

log = logging.getLogger(__name__)

TASKTRACKER_PORT: Final = 9868
# Reduces of other trackers fetch from here; each holds a thread while a segment streams.
SERVER_THREADS: Final = 32
# What task processes of a cluster need besides: the block store, the shuffle's client.
PRELOAD: Final = ("mapred.task.remote", "blockstore.client.filesystem")
# A stopping server lets streams go on for this long.
STOP_GRACE_S: Final = 0.5


def run(
    jobtracker: str,
    namenode: str,
    directories: Sequence[str | Path],
    host: str = "127.0.0.1",
    port: int = TASKTRACKER_PORT,
    *,
    slots: int = 2,
    advertise: str | None = None,
    rack: str = "",
    insecure: bool = False,
    settings: Sequence[str] = (),
) -> int:
    """Serves until SIGTERM or SIGINT; the exit code.

    Raises:
        ConfigException: a setting, the address, the rack, or none of the directories can be used.
    """
    daemon.configure_logging("tasktracker")
    chosen = config.settings(TaskTrackerSettings, settings)
    if rack:
        config.checked_rack(rack)
    secret = config.cluster_secret()
    daemon.check_bind("tasktracker", host, secret=secret, insecure=insecure)
    stop = daemon.stop_event_for_threads()
    workdirs = WorkDirs(*map(str, directories))
    check = DirectoryCheck(
        workdirs.roots,
        workdirs,
        reserved_bytes=chosen.reserved_bytes,
        interval_s=chosen.disk_check_interval_s,
        timeout_s=chosen.disk_check_timeout_s,
    )
    looks = check.look()
    if all(look.health is Health.FAILED for look in looks):
        reasons = "; ".join(f"{look.root}: {look.why}" for look in looks)
        raise ConfigException(f"no local directory can be used ({reasons}): give another --dir")
    # For whatever in a task opens the block store by its own means.
    os.environ[config.NAMENODE_VARIABLE] = namenode
    processes = Processes(chosen, spares=slots, preload=PRELOAD, make=workdirs.make)
    processes.start()
    try:
        _serve(
            (jobtracker, namenode),
            workdirs,
            (check, looks),
            processes,
            (host, port),
            (slots, rack),
            advertise,
            secret,
            chosen,
            stop,
        )
    finally:
        processes.stop()
        workdirs.close()
    return 0


def _serve(
    masters: tuple[str, str],
    workdirs: WorkDirs,
    checked: tuple[DirectoryCheck, tuple[Look, ...]],
    processes: Processes,
    bind: tuple[str, int],
    shape: tuple[int, str],
    advertise: str | None,
    secret: str | None,
    settings: TaskTrackerSettings,
    stop: threading.Event,
) -> None:
    # gRPC takes a tenth of a second to import: meanwhile the task processes do so too.
    from blockstore.runtime import rpc
    from mapred.tasktracker.remote import RemoteJobTracker
    from mapred.tasktracker.servicer import serve
    from mapred.tasktracker.storedlogs import StoredLogs

    (jobtracker, namenode), (host, port), (slots, rack) = masters, bind, shape
    server = rpc.threaded_server(threads=SERVER_THREADS, secret=secret)
    real_port = rpc.bind(server, host, port)
    serve(server, workdirs)
    server.start()
    reached_as = advertise or _name_of(host)
    tracker_id, incarnation = workdirs.identity(SYSTEM_CLOCK.wall())
    info = TrackerInfo(
        tracker_id,
        incarnation,
        reached_as,
        real_port,
        map_slots=slots,
        reduce_slots=slots,
        host_aliases=_aliases(host, reached_as),
        python_version=python_version(),
        engine_version=engine_version(),
        memory_bytes=for_tasks(settings.memory_bytes),
        rack=rack,
    )
    remote = RemoteJobTracker(jobtracker, secret=secret)
    # Lives of a tracker don't write into each other's files.
    logs = LogKeeper(
        workdirs.logs,
        StoredLogs(namenode, f"{tracker_id}.{incarnation}"),
        said_nothing=workdirs.spare_logs,
    )
    core = TaskTracker(info, workdirs.roots, settings)
    check, looks = checked
    core.looked(looks, SYSTEM_CLOCK.monotonic())
    loop = HeartbeatLoop(core, remote, workdirs, logs=logs, check=check)
    loop.start(processes)
    announcer = threading.Thread(target=_announce, args=(loop, host, real_port), daemon=True)
    announcer.start()
    stop.wait()
    loop.stop()
    remote.close()
    server.stop(STOP_GRACE_S).wait(STOP_GRACE_S)


def _announce(loop: HeartbeatLoop, host: str, port: int) -> None:
    loop.heard.wait()
    if not loop.registered.is_set():
        what = f"the JobTracker, which waits for {loop.jobtracker_waits_for}"
        daemon.announce_waiting("tasktracker", host, port, what)
    loop.registered.wait()
    daemon.announce("tasktracker", host, port)


def _name_of(host: str) -> str:
    """What others dial: a wildcard address is no address."""
    return socket.gethostname() if host in ("0.0.0.0", "::") else host


def _aliases(host: str, reached_as: str) -> tuple[str, ...]:
    """Names under which DataNodes of this machine may be known."""
    names = {reached_as, host, socket.gethostname(), socket.getfqdn()}
    if host in ("127.0.0.1", "localhost", "::1"):
        names |= {"127.0.0.1", "localhost"}
    for name in list(names):
        try:
            names |= {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
        except OSError:
            continue
    return tuple(sorted(names - {"0.0.0.0", "::", reached_as}))
