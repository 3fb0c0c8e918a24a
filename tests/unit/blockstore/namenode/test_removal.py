"""A large tree is removed at once for its users, and in slices for everybody else."""

import asyncio
from itertools import pairwise

import pytest

from blockstore.errors import AccessControlException, LeaseExpiredException
from blockstore.model import Block, RecoverBlock
from blockstore.namenode.access import Caller
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.disk import MemoryDisk
from blockstore.namenode.ready import Unfinished
from blockstore.namenode.recovery import recover
from blockstore.namenode.shell import Shell
from blockstore.namenode.state import State
from blockstore.namenode.treewalk import RemovalLook
from blockstore.runtime.clock import FakeClock

from .conftest import Cluster

SLICE = 10
CONFIG = NameNodeConfig(block_bytes=1000, block_bytes_min=1, forget_slice=SLICE)


@pytest.fixture
def cluster():
    made = Cluster(CONFIG)
    made.add_nodes("xyz")
    return made


def forget(cluster):
    """The slices until all is forgotten."""
    slices = 1
    while cluster.take(cluster.core.forget()):
        slices += 1
    return slices


def test_the_name_is_gone_at_once_and_the_rest_follows_in_slices(cluster, image_of):
    blocks = [cluster.write(f"/d/{n % 3}/{n}", 100)[0] for n in range(30)]
    (kept,) = cluster.write("/kept", 100)
    cluster.delete("/d", recursive=True)
    assert [s.path for s in cluster.core.listing("/").reply.entries] == ["/kept"]
    cluster.mkdirs("/d/0")
    # 30 files, as many blocks, four directories; the first slice came with the removal.
    assert len(cluster.state.blocks) == 31 - SLICE // 2
    assert forget(cluster) == 6
    assert set(cluster.state.blocks) == {kept.id}
    assert image_of(cluster.replayed()) == image_of(cluster.state)
    cluster.pass_time(1)
    ordered = {b.id for _, order in cluster.take_orders() for b in getattr(order, "blocks", ())}
    assert ordered == {block.id for block in blocks}


def test_an_image_that_is_made_meanwhile_has_nothing_of_it(cluster, image_of):
    for n in range(30):
        cluster.write(f"/d/{n}", 100)
    cluster.delete("/d", recursive=True)
    half_way = State()
    half_way.forget_slice = SLICE
    for entry in cluster.entries:
        half_way.apply(entry)
    assert half_way.is_forgetting
    image = image_of(half_way)
    forget(cluster)
    assert image == image_of(cluster.state)


def test_no_entry_is_written_about_what_is_being_forgotten(cluster, image_of):
    """A restart would not know it."""
    for n in range(30):
        cluster.write(f"/d/{n}", 100)
    cut = cluster.write("/d/cut", 600)[-1]
    cluster.try_(
        lambda: cluster.core.changes.truncate("/d/cut", 100, now=cluster.now, wall=cluster.wall)
    )
    ((primary, order),) = [o for o in cluster.take_orders() if isinstance(o[1], RecoverBlock)]
    writing = cluster.create("/d/open", client="ana/1")
    closed = cluster.core.stat("/d/1").reply.inode_id
    cluster.delete("/d", recursive=True)
    before = len(cluster.entries)
    now, wall = cluster.now, cluster.wall
    core = cluster.core
    for refused in (
        lambda: core.add_block(writing, client_id="ana/1", now=now),
        lambda: core.complete(writing, client_id="ana/1", last=None, now=now, wall=wall),
        lambda: core.complete(closed, client_id="ana/1", last=None, now=now, wall=wall),
    ):
        with pytest.raises(LeaseExpiredException, match="was deleted"):
            refused()
    core.changes.release_lease(writing, client_id="ana/1", now=now, wall=wall)
    core.commit_recovery(
        primary, epoch=cluster.state.epoch, old=order.block,
        new=Block(cut.id, order.new_generation, 100), node_ids=["x"], wall=wall,
    )  # fmt: skip
    cluster.take(core.take_ready())
    cluster.pass_time(400)
    assert cluster.entries[before:] == []
    assert not cluster.state.is_forgetting
    assert image_of(cluster.replayed()) == image_of(cluster.state)


def test_two_removals_at_once_are_both_carried_out(cluster):
    for n in range(60):
        cluster.write(f"/{'ab'[n % 2]}/{n}", 100)
    cluster.delete("/a", recursive=True)
    cluster.delete("/b", recursive=True)
    cluster.write("/c", 100)
    cluster.delete("/c")
    forget(cluster)
    assert not cluster.state.blocks
    assert len(cluster.state.names.inodes) == 1
    assert cluster.state.names.files == 0


def test_permissions_below_are_looked_at_in_slices_before_anything_goes(cluster):
    ana, ben = Caller("ana"), Caller("ben")
    core = cluster.core
    for n in range(12_000):
        cluster.take(core.on_behalf_of(ana).mkdirs(f"/tree/{n}", wall=1.0))
    core.on_behalf_of(None)
    cluster.take(core.attributes.set_mode("/tree", 0o777))

    def delete(caller, look):
        return cluster.take(
            core.on_behalf_of(caller).delete("/tree", recursive=True, look=look, wall=1.0)
        )

    look, slices = RemovalLook(), 0
    while True:
        try:
            assert delete(ana, look)
            break
        except Unfinished:
            slices += 1
            assert core.on_behalf_of(None).stat("/tree").reply.children == 12_000
    assert slices == 2
    cluster.take(core.on_behalf_of(ana).mkdirs("/tree/hers/below", wall=1.0))
    cluster.take(core.on_behalf_of(None).attributes.set_mode("/tree", 0o777))
    with pytest.raises(AccessControlException):
        delete(ben, RemovalLook())


def test_others_are_answered_between_the_slices():
    async def story():
        state, journal = recover(MemoryDisk(), wall=1.0)
        shell = Shell(CONFIG, state, journal, FakeClock(now=1000.0), lambda _: None)
        shell.take(shell.core.start())
        for n in range(200):
            await shell.perform(lambda core, n=n: core.mkdirs(f"/d/{n}", wall=1.0))
        left = []
        await shell.perform(lambda core: core.delete("/d", recursive=True, wall=1.0))
        while shell.core.state.is_forgetting:
            left.append(len(shell.core.state.names.inodes))
            await shell.perform(lambda core: core.stat("/"))
            await asyncio.sleep(0)
        await shell.commit.close()
        return left

    left = asyncio.run(story())
    assert len(left) >= 200 // SLICE - 2
    assert all(0 < a - b <= SLICE for a, b in pairwise(left))
