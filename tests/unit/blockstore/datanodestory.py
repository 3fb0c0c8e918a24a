"""A DataNode's life, for failpointruns.py: replicas of all kinds, restarts; and what has to be
there of it."""

import contextlib
import errno
import os
import random
import socket
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from blockstore import byteframes, checksum
from blockstore.bundles import pack_bundle, unpack_delivery
from blockstore.datanode import blockfiles, identity
from blockstore.datanode.blockfiles import BlockFiles
from blockstore.datanode.bundleanswers import BundleAnswers
from blockstore.datanode.disk import SystemDisk
from blockstore.datanode.fence import Fence
from blockstore.datanode.identity import Identity
from blockstore.datanode.layout import Place
from blockstore.datanode.namenode_link import NameNodeLink
from blockstore.datanode.packetanswers import PacketAnswers
from blockstore.datanode.packs import Packs, WholeReplica
from blockstore.datanode.pipeline import Pipeline, PipelineLimits
from blockstore.datanode.pulse import Pulse
from blockstore.datanode.recovery import Recovery
from blockstore.datanode.servicer import DataNodeServicer, DataServicer, StreamLimit
from blockstore.datanode.store import ReplicaStore
from blockstore.datastream import LAST, Ack, Packet, pack, pack_ack, unpack_ack
from blockstore.errors import StoreError
from blockstore.model import Block, Node, RecoverBlock, ReplicaState
from blockstore.runtime import portframes
from blockstore.runtime.clock import SYSTEM_CLOCK
from blockstore.runtime.line import Line
from blockstore.wire import datanode_pb2, namenode_pb2, types_pb2

CHUNK = 64
ME = Node("me", "127.0.0.1", 9866)


def content(block_id, length):
    return random.Random(block_id).randbytes(length)


def add(writing, block_id, start, length):
    data = content(block_id, length)[start:]
    writing.write(start, checksum.checksums(data, CHUNK), data)


class FullDisk(SystemDisk):
    """Has no room at one sync of a pack, once it is `full`."""

    full = False

    def open(self, path, **how):
        file = super().open(path, **how)
        if "/packs/" in path:
            sync = file.sync
            file.sync = lambda: self._sync(sync)
        return file

    def _sync(self, sync):
        if self.full:
            self.full = False
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync()


def opened(directory, disk=None):
    blockfiles.Packs = partial(Packs, pack_bytes=2048)
    files = BlockFiles([directory], disk)
    identity.begin(files.volumes, [directory])
    return files, ReplicaStore(files, lambda replica: None)


def datanode(directory, told):
    disk = FullDisk()
    files, store = opened(directory, disk)
    streamed(store, told)
    bundled(store, told)
    packed(store, disk, told)
    recovered(store, told)
    reported(store)
    for block_id in (2, 3, 4):
        writing = store.create(Block(block_id, 1), CHUNK)
        add(writing, block_id, 0, 100)
        told(f"{block_id} 1 100")
        writing.sync()
        add(writing, block_id, 64, 300)
        told(f"{block_id} 1 300")
        writing.release()
    store.update(Block(2, 1), Block(2, 5, 200), finalize=False)
    told("2 5 200")
    store.resume(Block(2, 5)).finish()
    store.update(Block(3, 1), Block(3, 5, 300), finalize=True)
    told("3 5 300")
    for block_id, keep_open in ((10, False), (11, True)):
        copy = store.copy(Block(block_id, 1), CHUNK, keep_open=keep_open)
        add(copy, block_id, 0, 500)
        copy.finish()
        told(f"{block_id} 1 500")
    store.update(Block(10, 1), Block(10, 6, 500), finalize=False)
    told("10 6 500")
    files.close()
    # As if it had been killed between the two renames; and in the middle of a write.
    place = Path(directory)
    (place / "current/blk_3").rename(place / "rbw/blk_3")
    with (place / "rbw/blk_4").open("ab") as file:
        file.write(b"torn")
    files, _ = opened(directory)
    files.close()


def streamed(store, told):
    """Block 1, by a pipeline of this node alone."""
    data = content(1, 1000)
    header = datanode_pb2.WriteHeader(
        block=types_pb2.Block(id=1, generation=1),
        stage=datanode_pb2.WriteHeader.CREATE,
        chunk_bytes=CHUNK,
    )
    packet = Packet(0, 1, LAST, checksum.checksums(data, CHUNK), data)
    pipeline = Pipeline(
        store,
        header,
        iter([pack(packet)]),
        streams=None,
        fence=Fence(SYSTEM_CLOCK, 60.0),
        limits=PipelineLimits(),
        clock=SYSTEM_CLOCK,
    )
    for frame in pipeline.run():
        if unpack_ack(frame).seq == 1:
            told("1 1 1000")


def bundled(store, told):
    """Block 20, as one of many small ones."""
    data = content(20, 400)
    header = datanode_pb2.BundleHeader(
        blocks=[types_pb2.Block(id=20, generation=1, length=400)], chunk_bytes=CHUNK
    )
    packet = pack(Packet(0, 1, LAST, checksum.checksums(data, CHUNK), data))
    service = DataServicer(
        store,
        dial=None,
        packets=None,
        fence=Fence(SYSTEM_CLOCK, 60.0),
        limits=PipelineLimits(),
        clock=SYSTEM_CLOCK,
        streams=StreamLimit(2),
        identity=Identity(1, "me", "", 1),
    )
    for frame in service.bundles([pack_bundle(header.SerializeToString(), [packet])], None):
        assert unpack_delivery(frame).failed_hop < 0
        told("20 1 400")
    data = content(21, 400)
    header.blocks[0].id = 21
    packet = pack(Packet(0, 1, LAST, checksum.checksums(data, CHUNK), data))
    sent_to_port(service, pack_bundle(header.SerializeToString(), [packet]))
    told("21 1 400")
    data = content(22, 400)
    header = datanode_pb2.WriteHeader(
        block=types_pb2.Block(id=22, generation=1),
        stage=datanode_pb2.WriteHeader.CREATE,
        chunk_bytes=CHUNK,
    )
    packet = pack(Packet(0, 1, LAST, checksum.checksums(data, CHUNK), data))
    packets_sent_to_port(service, [header.SerializeToString(), packet])
    told("22 1 400")


def packed(store, disk, told):
    """Blocks 20 to 39: they leave a pack for files, their pack, or it is full."""
    store.update(Block(20, 1), Block(20, 5, 400), finalize=False)
    told("20 5 400")
    for block_id in range(30, 40):
        if block_id == 35:
            disk.full = True
        data = content(block_id, 400)
        sums = checksum.checksums(data, CHUNK)
        with contextlib.suppress(StoreError):
            store.add_whole([WholeReplica(Block(block_id, 1, 400), CHUNK, sums, data)])
            if block_id in (33, 39):
                told(f"{block_id} 1 400")
    store.delete([Block(block_id, 1) for block_id in range(30, 39) if block_id != 33])
    told("33 1 400")


def packets_sent_to_port(service, frames):
    near, line = connection()
    for frame in frames:
        near.sendall(portframes.pack_frame(frame))
    near.shutdown(socket.SHUT_WR)
    PacketAnswers(service.receive_packets, Pulse(), line).give()
    line.close()
    with near, near.makefile("rb") as answer:
        acks = answer.read()[byteframes.WELCOME_BYTES :]
    assert acks == b"".join(portframes.pack_frame(pack_ack(Ack(seq))) for seq in (0, 1))


def connection():
    """An end of it, and the other end's line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    return near, Line(far, 60.0)


def sent_to_port(service, bundle):
    """Over a connection that ends behind it."""
    near, line = connection()
    near.sendall(portframes.pack_frame(bundle))
    near.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionError):
        BundleAnswers(service.receive_bundle, contextlib.nullcontext, line, 60.0).give()
    line.close()
    with near, near.makefile("rb") as answer:
        assert unpack_delivery(answer.read()[portframes.SIZE_BYTES :]).failed_hop < 0


def recovered(store, told):
    """Block 5 by this node, block 6 by another one that asks it."""
    for block_id in (5, 6):
        writing = store.create(Block(block_id, 1), CHUNK)
        add(writing, block_id, 0, 300)
        told(f"{block_id} 1 300")
        writing.release()
    Recovery(store, RecoverBlock(Block(5, 1), 5, (ME,)), own_id=ME.node_id, dial=None).run()
    told("5 5 300")
    request = datanode_pb2.UpdateReplicaRequest(
        old=types_pb2.Block(id=6, generation=1, length=300),
        new=types_pb2.Block(id=6, generation=5, length=300),
        finalize=True,
    )
    DataNodeServicer(store, None).UpdateReplica(request, None)
    told("6 5 300")


def reported(store):
    """To a NameNode that has nothing to say."""

    def hears(request, timeout):
        return namenode_pb2.Empty()

    stub = SimpleNamespace(FullReport=hears, IncrementalReport=hears, CommitRecovery=hears)
    link = NameNodeLink(stub, "a NameNode", ME, 1)
    link.full_report(store.report(), 1)
    link.incremental_report(store.report(), 2)
    link.commit_recovery(Block(5, 1), Block(5, 5, 300), (ME.node_id,))


def check_datanode(directory, told):
    files, store = opened(directory)
    wrong = []
    for words in told:
        block_id, generation, length = map(int, words.split())
        held = store.info(block_id)
        fitting = held.block.generation >= generation and held.block.length >= min(length, 200)
        if held.block.generation == generation:
            fitting = held.block.length >= length
        if held.state in (ReplicaState.ABSENT, ReplicaState.CORRUPT) or not fitting:
            wrong.append(f"{words}, but it is {held}")
            continue
        if bytes_of(files, held.block) != content(block_id, max(1000, length))[: held.block.length]:
            wrong.append(f"{words}: wrong bytes")
    files.close()
    return wrong


def bytes_of(files, block):
    volume, place = files._where[block.id]
    if place is not Place.PACKS:
        return Path(volume.data_path(place, block.id)).read_bytes()
    stored = files.read(block)
    try:
        return stored.run(0, block.length)[1]
    finally:
        stored.close()
