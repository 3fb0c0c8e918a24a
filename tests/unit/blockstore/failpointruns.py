"""Has a process die at every failpoint: `python failpointruns.py DIRECTORY NAME…`.

For every name a child is forked that lives through a story: files and directories are made, a
checkpoint, replicas of all kinds, restarts. What it is told to be done it writes to a pipe. The
name's failpoint kills it; then the directory is opened anew, and has to have all of that.
Prints a JSON object: name → what went wrong, "" when nothing did.
"""

import asyncio
import contextlib
import errno
import json
import logging
import os
import signal
import sys
from pathlib import Path

from datanodestory import check_datanode, datanode

from blockstore import callframes
from blockstore.errors import StoreError
from blockstore.namenode import recovery
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.disk import RealDisk
from blockstore.namenode.journal import JournalFull
from blockstore.namenode.servicer import ClientServicer
from blockstore.namenode.shell import Shell
from blockstore.runtime import failpoint, portframes
from blockstore.runtime.clock import SYSTEM_CLOCK
from blockstore.wire import namenode_pb2

# --- the NameNode's story -------------------------------------------------------------------


class FullOnce(RealDisk):
    """Has no room for one segment."""

    full = False

    def create(self, name):
        file = super().create(name)
        if self.full and name.startswith("journal-"):
            self.full = False
            file.write = no_room
        return file


def no_room(data):
    raise OSError(errno.ENOSPC, "No space left on device")


def namenode(directory, told):
    disk = FullOnce(directory)
    for life in range(2):
        state, journal = recovery.recover(disk, wall=1.0)
        asyncio.run(namenode_life(disk, state, journal, f"/life{life}", told))
        journal.close()


async def namenode_life(disk, state, journal, top, told):
    shell = Shell(NameNodeConfig(), state, journal, SYSTEM_CLOCK, sys.exit)
    shell.take(shell.core.start())
    clients = ClientServicer(shell)
    for number in range(4):
        path = f"{top}/a/b{number}"
        request = namenode_pb2.BatchRequest(calls=[mkdirs(f"{path}/batch")])
        (outcome,) = (await clients.Batch(request, None)).outcomes
        assert outcome.HasField("done")
        told(f"{path}/batch")
        await shell.perform(lambda core, path=path: core.mkdirs(f"{path}/alone", wall=1.0))
        told(f"{path}/alone")
        with contextlib.suppress(StoreError):
            await shell.perform(lambda core: core.mkdirs("nowhere", wall=1.0))
        shell.commit.then(lambda path=path: told(path))
        async for outcome in clients.Calls(one_by_one(mkdirs(f"{path}/calls")), None):
            assert outcome.HasField("done")
            told(f"{path}/calls")
        await ask_at_port(clients.port, mkdirs(f"{path}/port"))
        told(f"{path}/port")
        journal.mark()
        if number:
            disk.full = number == 1
            try:
                through = journal.roll()
            except JournalFull:
                continue
            recovery.checkpoint(disk, through, unique=number)
            recovery.purge(disk, journal)
    clients.port.close()


async def ask_at_port(port, call):
    if not port.is_open:
        await port.listen("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
    await reader.readexactly(portframes.GREETING_BYTES)
    proof = bytes(portframes.PROOF_BYTES)
    frame = portframes.pack_frame(call.SerializeToString())
    writer.write(callframes.pack_entry(proof, "root") + frame)
    head = await reader.readexactly(portframes.SIZE_BYTES)
    reply = await reader.readexactly(callframes.PORT.frame_bytes(head))
    assert namenode_pb2.BatchOutcome.FromString(reply).HasField("done")
    writer.close()
    await writer.wait_closed()


def mkdirs(path):
    return namenode_pb2.BatchCall(mkdirs=namenode_pb2.MkdirsRequest(path=path, parents=True))


async def one_by_one(*requests):
    for request in requests:
        yield request


def check_namenode(directory, told):
    state, journal = recovery.recover(RealDisk(directory), wall=2.0)
    journal.close()
    found = {state.names.path_of(inode) for inode in state.names.inodes.values()}
    return [path for path in told if path not in found]


ROLES = ((namenode, check_namenode), (datanode, check_datanode))


# --- the runs -------------------------------------------------------------------------------


def run(directory, name):
    """What went wrong; "" when the process died there, and all it was told is there."""
    place = Path(directory) / name
    for story, check in ROLES:
        where = place / story.__name__
        where.mkdir(parents=True)
        status, told = in_child(story, str(where), name)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return "; ".join(map(str, check(str(where), told)))
        if status:
            return f"{story.__name__} failed with status {status}"
    return "nobody came there"


def in_child(story, directory, name):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            failpoint.arm(name)
            story(directory, lambda words: os.write(writing, f"{words}\n".encode()))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read().splitlines()
    return os.waitpid(child, 0)[1], told


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps({name: run(sys.argv[1], name) for name in sys.argv[2:]}))
