"""`mapred jobtracker`: composition root of the JobTracker."""

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from blockstore import BlockStore
from blockstore.errors import ConfigException, StoreError
from blockstore.runtime import config, daemon, rpc
from mapred import wireerrors
from mapred.jobtracker.collecting import Collecting
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.history import History
from mapred.jobtracker.opening import Opening
from mapred.jobtracker.pools import Pools, parse
from mapred.jobtracker.predecessor import refuse_second, sign
from mapred.jobtracker.segments import SegmentedHistory
from mapred.jobtracker.servicer import JobTrackerServicer, TrackerServicer
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.jobtracker.storedstories import StoredStories
from mapred.jobtracker.storefolder import StoreFolder
from mapred.keptlogs import LOGS_DIRECTORY
from mapred.storage import storage_for
from mapred.storage.uris import USERS_DIRECTORY
from mapred.wire import jobtracker_pb2_grpc

log = logging.getLogger(__name__)

# Objects come by the ten thousand a second at most.
COLLECT_S: Final = 1.0
JOBTRACKER_PORT: Final = 8021
# Longer than a durable write takes as a rule, and shorter than a user's patience with silence.
HELD_UP_S: Final = 1.5
# What a store that has just started takes to leave safe mode is no news.
WAITING_SAID_S: Final = 5.0
# Addresses to listen on that nobody can dial.
_ANYWHERE: Final = ("0.0.0.0", "::")
# Pauses between tries to reach the NameNode at start.
STORE_RETRY_S: Final = 1.0


def run(
    namenode: str,
    host: str = "127.0.0.1",
    port: int = JOBTRACKER_PORT,
    *,
    insecure: bool = False,
    settings: Sequence[str] = (),
) -> int:
    """Serves until SIGTERM or SIGINT; the exit code.

    Raises:
        ConfigException: a setting or the address can't be used.
    """
    daemon.configure_logging("jobtracker")
    wireerrors.register()
    chosen = config.settings(JobTrackerSettings, settings)
    pools = _pools(chosen.pools)
    secret = config.cluster_secret()
    daemon.check_bind("jobtracker", host, secret=secret, insecure=insecure)
    return asyncio.run(_serve(namenode, host, port, secret, lambda: JobTracker(chosen, pools)))


def _pools(path: str) -> Pools:
    if not path:
        return Pools()
    try:
        return parse(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigException(f"the file of pools {path}: {error}") from None


async def _serve(
    namenode: str, host: str, port: int, secret: str | None, new_core: Callable[[], JobTracker]
) -> int:
    stop = daemon.stop_event_for_loop()
    server = rpc.aio_server(secret=secret)
    real_port = rpc.bind(server, host, port)
    address = f"{socket.gethostname() if host in _ANYWHERE else host}:{real_port}"
    opening = Opening(HELD_UP_S)
    instance = uuid.uuid4().hex
    jobtracker_pb2_grpc.add_JobTrackerServicer_to_server(
        JobTrackerServicer(opening, namenode, instance), server
    )
    jobtracker_pb2_grpc.add_TrackerProtocolServicer_to_server(TrackerServicer(opening), server)
    # Before there is anything to serve: who asks is told what it waits for.
    await server.start()
    telling = asyncio.create_task(_tell_of_waiting(opening, host, real_port))
    try:
        desk = await _open_desk(
            namenode, new_core, stop, lambda: refuse_second(namenode, address, secret), opening
        )
    except BaseException:
        await server.stop(grace=0)
        raise
    finally:
        telling.cancel()
    if desk is None:
        await server.stop(grace=0.2)
        return 0
    await asyncio.to_thread(_sign, namenode, address, instance)
    daemon.announce("jobtracker", host, real_port)
    collecting = asyncio.create_task(_collect(desk))
    code = await _until_stopped(desk, stop)
    collecting.cancel()
    await server.stop(grace=0.2)
    await desk.stop()
    return code


async def _open_desk(
    namenode: str,
    new_core: Callable[[], JobTracker],
    stop: asyncio.Event,
    refuse_second: Callable[[], None],
    opening: Opening,
) -> Desk | None:
    """The desk with its history replayed; waits for the NameNode. None: told to stop."""
    while not stop.is_set():
        try:
            if why := await asyncio.to_thread(_safe_mode, namenode):
                opening.waits_for(
                    f"the block store at {namenode}, which is in safe mode: {why}; what is "
                    "missing, and who may have it: mapred admin safemode why"
                )
                await _pause(stop)
                continue
            await asyncio.to_thread(refuse_second)
            history = await asyncio.to_thread(_history, namenode)
            desk = Desk(
                new_core(),
                Committer(storage_for),
                history,
                archive=StoredStories(namenode),
                held_up_s=HELD_UP_S,
            )
            await desk.start()
        except ConfigException:
            raise
        except StoreError as error:
            opening.waits_for(f"the block store at {namenode}, which can't be used yet: {error}")
            await _pause(stop)
        else:
            log.info("epoch %d, %d jobs to go on with", desk.core.epoch, len(desk.core.book.jobs))
            opening.opened(desk)
            return desk
    return None


def _safe_mode(namenode: str) -> str:
    """Why the store is in it; empty: it isn't. Raises StoreError."""
    with BlockStore(namenode) as store:
        mode = store.safe_mode()
    return mode.reason if mode.on else ""


async def _tell_of_waiting(opening: Opening, host: str, port: int) -> None:
    await asyncio.sleep(WAITING_SAID_S)
    daemon.announce_waiting("jobtracker", host, port, opening.why)


async def _collect(desk: Desk) -> None:
    collecting = Collecting()
    while True:
        await asyncio.sleep(COLLECT_S)
        collecting.look(len(desk.core.book.jobs))


def _sign(namenode: str, address: str, instance: str) -> None:
    try:
        sign(namenode, address, instance)
    except StoreError as error:
        # It matters only to one who is started by mistake.
        log.warning("where this JobTracker listens can't be written down: %s", error)


def _history(namenode: str) -> History:
    with BlockStore(namenode) as store:
        # As /tmp is: every user makes his own directory there.
        store.mkdir(f"/{USERS_DIRECTORY}", mode=0o1777)
        # Trackers make one for each job, in its submitter's name.
        store.mkdir(LOGS_DIRECTORY, mode=0o1777)
    return SegmentedHistory(StoreFolder(namenode))


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(STORE_RETRY_S):
            await stop.wait()
    except TimeoutError:
        pass


async def _until_stopped(desk: Desk, stop: asyncio.Event) -> int:
    desk.broken.add_done_callback(lambda _: stop.set())
    await stop.wait()
    if desk.broken.done():
        log.error("ending: %s", desk.broken.result())
        return 1
    return 0
