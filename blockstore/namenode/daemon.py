"""The NameNode's composition root: recover, wire, run, stop."""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Sequence
from typing import Final

from blockstore.errors import ConfigException, JournalCorruptException, StoreError
from blockstore.model import Permission
from blockstore.namenode.checkpointer import Checkpointer
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.datanodeservicer import DataNodeServicer
from blockstore.namenode.directory import prepare
from blockstore.namenode.disk import RealDisk
from blockstore.namenode.entries import OPEN_ROOT
from blockstore.namenode.journal import Journal, JournalFull
from blockstore.namenode.recovery import recover
from blockstore.namenode.reserve import Reserve
from blockstore.namenode.servicer import ClientServicer
from blockstore.namenode.shell import Shell
from blockstore.namenode.state import State
from blockstore.namenode.topology import Topology
from blockstore.runtime import config as settings_of
from blockstore.runtime import rpc
from blockstore.runtime.clock import SYSTEM_CLOCK
from blockstore.runtime.collector import put_aside_what_lasts
from blockstore.runtime.config import cluster_secret, os_user
from blockstore.runtime.daemon import (
    announce,
    check_bind,
    configure_logging,
    stop_event_for_loop,
    take_descriptors,
)
from blockstore.wire import namenode_pb2_grpc as services

log = logging.getLogger(__name__)

EXIT_REFUSED: Final = 2
# sysexits.h, EX_IOERR: a supervisor can tell a failing disk from a wrong option.
EXIT_JOURNAL_FAILED: Final = 74
# Open calls get this long at the end; heartbeats are answered at once.
_DRAIN_S: Final = 1.0
_CHECKPOINT_LOOK_S: Final = 1.0
# Until the next tick when the last one has left work: others have their turn in between.
_BEHIND_S: Final = 0.005
# A journal that rested for so long gets its mark; one that never rests gets it after so many.
_REST_S: Final = 0.5
_UNMARKED_MAX: Final = 10_000


def run(
    directory: str,
    host: str,
    port: int,
    *,
    format: bool = False,  # noqa: A002 - the option's name
    topology_script: str | None = None,
    insecure: bool = False,
    settings: Sequence[str] = (),
) -> int:
    """Runs a NameNode until SIGTERM or SIGINT; returns the exit code.

    Prints `namenode ready on HOST:PORT` when it serves. 0: ended by a signal. 2: it refused to
    start, and said why on stderr. 74: the journal's disk failed.
    """
    configure_logging("namenode")
    take_descriptors()
    try:
        words = [f"superuser={os_user()}", *settings]
        config = settings_of.settings(NameNodeConfig, words)
        secret = cluster_secret()
        check_bind("namenode", host, secret=secret, insecure=insecure)
        disk, lock = prepare(directory, format_wanted=format)
    except ConfigException as error:
        print(f"namenode: {error}", file=sys.stderr)
        return EXIT_REFUSED
    try:
        return asyncio.run(_serve(disk, host, port, config, secret, topology_script))
    except (ConfigException, JournalCorruptException) as error:
        print(f"namenode: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except _UnusableDisk as error:
        print(f"namenode: {error}", file=sys.stderr)
        return EXIT_JOURNAL_FAILED
    finally:
        lock.release()


class _UnusableDisk(Exception):
    """The journal's disk refused at the start."""


def _recovered(disk: RealDisk, reserve: Reserve, root: Permission) -> tuple[State, Journal]:
    # A new segment needs room too.
    reserve.give_up()
    # What is recovered stays: the collector needn't look at millions of inodes while they come,
    # which takes a third of the time.
    gc.disable()
    try:
        return recover(disk, wall=SYSTEM_CLOCK.wall(), root=root)
    except StoreError:
        raise
    except (JournalFull, OSError) as error:
        raise _UnusableDisk(f"{disk.place} can't be used: {error}") from error
    finally:
        put_aside_what_lasts()
        gc.enable()


def _stop_at_once(error: OSError) -> None:
    """The journal failed: nothing may be acknowledged any more, not even by a clean stop."""
    log.critical(
        "the journal can't be written (%s): the NameNode stops, so that nothing is acknowledged "
        "that isn't on disk. Make room or replace the disk, then start it again",
        error,
    )
    logging.shutdown()
    os._exit(EXIT_JOURNAL_FAILED)


async def _serve(
    disk: RealDisk,
    host: str,
    port: int,
    config: NameNodeConfig,
    secret: str | None,
    topology_script: str | None,
) -> int:
    stop = stop_event_for_loop()
    # Open to all, as /tmp is: a fresh cluster refuses nobody his first directory.
    root = Permission(config.superuser, config.supergroup, OPEN_ROOT.mode)
    reserve = Reserve(disk, config.journal_reserve_bytes)
    state, journal = _recovered(disk, reserve, root)
    shell = Shell(config, state, journal, SYSTEM_CLOCK, _stop_at_once, reserve)
    shell.take(shell.core.start())
    await shell.commit.durable()
    checkpointer = Checkpointer(shell, disk, journal)
    server = rpc.aio_server(secret=secret)
    clients = ClientServicer(shell, secret)
    services.add_NameNodeServicer_to_server(clients, server)
    datanodes = DataNodeServicer(shell, Topology(topology_script))
    services.add_DataNodeProtocolServicer_to_server(datanodes, server)
    real_port = rpc.bind(server, host, port)
    if config.call_port >= 0:
        await clients.port.listen(host, config.call_port)
    await server.start()
    loops = [
        asyncio.create_task(_tick(shell)),
        asyncio.create_task(_checkpoint(checkpointer)),
        asyncio.create_task(_mark(journal)),
    ]
    announce("namenode", host, real_port)
    await stop.wait()
    log.info("stopping")
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    shell.desk.close()
    clients.streams.close()
    clients.port.close()
    await server.stop(_DRAIN_S)
    await shell.commit.close()
    _try_to_mark(journal)
    return 0


async def _tick(shell: Shell) -> None:
    is_behind = False
    while True:
        await asyncio.sleep(_BEHIND_S if is_behind else shell.config.tick_interval_s)
        is_behind = False
        try:
            is_behind = shell.tick()
        except Exception:
            # A fault in the housekeeping must not end it for good.
            log.exception("the tick failed")


async def _checkpoint(checkpointer: Checkpointer) -> None:
    try:
        while True:
            await asyncio.sleep(_CHECKPOINT_LOOK_S)
            if checkpointer.is_due():
                try:
                    await checkpointer.make()
                except OSError as error:
                    log.error("no checkpoint: %s", error)
    finally:
        await checkpointer.stop()


async def _mark(journal: Journal) -> None:
    seen = 0
    while True:
        await asyncio.sleep(_REST_S)
        unmarked = journal.unmarked
        if unmarked and (unmarked == seen or unmarked > _UNMARKED_MAX):
            await asyncio.to_thread(_try_to_mark, journal)
            unmarked = journal.unmarked
        seen = unmarked


def _try_to_mark(journal: Journal) -> None:
    try:
        journal.mark()
    except OSError as error:
        log.warning("how far the journal is synced could not be noted: %s", error)
