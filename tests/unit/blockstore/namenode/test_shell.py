import asyncio

import pytest

from blockstore.errors import AlreadyBeingCreatedException
from blockstore.model import Block, Node, NodeLoad, RecoverBlock, Replica, ReplicaState
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.disk import MemoryDisk
from blockstore.namenode.entries import LeaseRevoked
from blockstore.namenode.journalreader import read
from blockstore.namenode.recovery import recover
from blockstore.namenode.shell import Shell
from blockstore.runtime.clock import FakeClock

CONFIG = NameNodeConfig(block_bytes=1000, block_bytes_min=1, complete_hold_s=1000.0)


class House:
    """A shell over a journal in memory, with one DataNode."""

    def __init__(self):
        self.disk = MemoryDisk()
        self.clock = FakeClock(now=1000.0)
        state, journal = recover(self.disk, wall=1.0)
        self.failures = []
        self.shell = Shell(CONFIG, state, journal, self.clock, self.failures.append)
        self.shell.take(self.shell.core.start())

    async def add_node(self):
        await self.shell.perform(
            lambda core: core.register(Node("x", "h", 1), incarnation=1, now=self.clock.monotonic())
        )
        self.shell.desk.registered("x", 1)
        await self.shell.perform(
            lambda core: core.heartbeat(
                "x",
                incarnation=1,
                epoch=1,
                load=NodeLoad(1 << 40, 0, 1 << 40),
                now=self.clock.monotonic(),
            )
        )

    async def create(self, path, client_id="ana"):
        status = await self.shell.perform(
            lambda core: core.create(
                path, client_id=client_id, now=self.clock.monotonic(), wall=1.0
            )
        )
        return status.inode_id

    async def add_block(self, inode_id):
        return await self.shell.perform(
            lambda core: core.add_block(inode_id, client_id="ana", now=self.clock.monotonic())
        )

    async def report(self, block):
        await self.shell.perform(
            lambda core: core.incremental_report(
                "x",
                incarnation=1,
                epoch=1,
                replicas=[Replica(block, ReplicaState.FINALIZED)],
                now=self.clock.monotonic(),
            )
        )

    def durable(self):
        return [entry for _, entry in read(self.disk, 0)]


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario(House()), 20))


def test_a_reply_comes_after_its_entries_are_durable():
    async def scenario(house):
        await house.shell.commit.durable()
        before = len(house.durable())
        await house.shell.perform(lambda core: core.mkdirs("/a/b", wall=1.0))
        assert len(house.durable()) == before + 2

    run(scenario)


def test_orders_go_out_after_their_entries_are_durable():
    async def scenario(house):
        await house.add_node()
        await house.add_block(await house.create("/f"))
        house.shell.take(house.shell.core.changes.recover_lease("/f", now=1000.0, wall=1.0))
        assert await house.shell.desk.wait("x", 0, 0) == []
        await house.shell.commit.durable()
        ((_, order),) = await house.shell.desk.wait("x", 0, 10)
        assert isinstance(order, RecoverBlock)

    run(scenario)


def test_a_caller_that_goes_away_takes_no_order_with_it():
    async def scenario(house):
        await house.add_node()
        await house.add_block(await house.create("/f"))
        call = asyncio.create_task(
            house.shell.perform(lambda core: core.changes.recover_lease("/f", now=1000.0, wall=1.0))
        )
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert len(await house.shell.desk.wait("x", 0, 10)) == 1

    run(scenario)


def test_what_a_refused_call_has_done_is_journaled_before_the_refusal_is_told():
    async def scenario(house):
        await house.create("/f")
        house.clock.advance(61)
        with pytest.raises(AlreadyBeingCreatedException):
            await house.create("/f", "ben")
        assert isinstance(house.durable()[-1], LeaseRevoked)

    run(scenario)


def test_a_complete_is_held_until_the_replica_is_reported():
    async def scenario(house):
        await house.add_node()
        inode_id = await house.create("/f")
        located = await house.add_block(inode_id)
        block = Block(located.block.id, located.block.generation, 10)
        closing = asyncio.create_task(
            house.shell.complete(
                inode_id,
                lambda core: core.complete(
                    inode_id, client_id="ana", last=block, now=1000.0, wall=1.0
                ),
            )
        )
        await asyncio.sleep(0)
        assert house.shell.core.state.blocks[block.id].committed
        await house.shell.commit.durable()
        assert not closing.done()
        await house.report(block)
        assert (await closing).done

    run(scenario)


def test_a_complete_that_is_held_too_long_says_what_it_waits_for():
    async def scenario(house):
        await house.add_node()
        inode_id = await house.create("/f")
        located = await house.add_block(inode_id)
        block = Block(located.block.id, located.block.generation, 10)
        house.shell.config = NameNodeConfig(complete_hold_s=0.01)
        completion = await house.shell.complete(
            inode_id,
            lambda core: core.complete(inode_id, client_id="ana", last=block, now=1000.0, wall=1.0),
        )
        assert "0 finalised replicas" in completion.waiting_for
        assert house.shell._held == {}

    run(scenario)
