"""Random lives of a whole NameNode core, with DataNodes that do what they are told, or die.

After every step: replaying the entries gives the same journaled state, the two tables of the
block map agree, and every acknowledged block is on some node's disk.
"""

import random
from contextlib import suppress

import pytest

from blockstore.errors import StoreError
from blockstore.model import Block, DeleteReplicas, RecoverBlock, Replica, ReplicaState, Replicate
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.entries import (
    BlockCommitted,
    Concatenated,
    FileAppended,
    FileClosed,
    Truncated,
)

FINALIZED, RWR, DELETED = ReplicaState.FINALIZED, ReplicaState.RWR, ReplicaState.DELETED
NODES = ("v", "w", "x", "y", "z")


class Life:
    """Clients and DataNodes around a core; disks outlive the nodes' deaths."""

    def __init__(self, cluster, seed, image_of):
        self.cluster = cluster
        self.rng = random.Random(seed)
        self.image_of = image_of
        # What is on each node's disk, by block id.
        self.disks = {node_id: {} for node_id in NODES}
        self.up = set()
        # Open files: inode id to its blocks so far.
        self.open = {}
        self.acknowledged = {}
        self.names = 0
        for node_id in NODES:
            self.come_back(node_id)

    # --- DataNodes ---------------------------------------------------------------------

    def come_back(self, node_id):
        found = {}
        for block_id, replica in self.disks[node_id].items():
            state = FINALIZED if replica.state is FINALIZED else RWR
            found[block_id] = Replica(replica.block, state)
        self.disks[node_id] = found
        self.cluster.add_node(node_id, rack=f"/r{ord(node_id) % 2}", replicas=found.values())
        self.up.add(node_id)

    def put(self, node_id, block, state):
        self.disks[node_id][block.id] = Replica(block, state)
        if node_id in self.up and state is FINALIZED:
            self.say(node_id, block, state)

    def say(self, node_id, block, state):
        # Declared dead, or the NameNode restarted: the full report will tell.
        with suppress(StoreError):
            self.cluster.report(node_id, block, state)

    def perform_orders(self):
        for node_id, order in self.cluster.take_orders():
            if node_id not in self.up or self.rng.random() < 0.1:
                continue
            match order:
                case DeleteReplicas(blocks):
                    self.delete(node_id, blocks)
                case Replicate(block, targets):
                    held = self.disks[node_id].get(block.id)
                    for target in targets:
                        there = self.disks[target.node_id].get(block.id)
                        free = there is None or there.block.generation < block.generation
                        if held == Replica(block, FINALIZED) and target.node_id in self.up and free:
                            self.put(target.node_id, block, FINALIZED)
                case RecoverBlock():
                    self.recover(node_id, order)

    def delete(self, node_id, blocks):
        for block in blocks:
            held = self.disks[node_id].get(block.id)
            if held is not None and held.block.generation <= block.generation:
                del self.disks[node_id][block.id]
                self.say(node_id, held.block, DELETED)

    def recover(self, primary, order):
        found = {
            node.node_id: self.disks[node.node_id][order.block.id]
            for node in order.nodes
            if node.node_id in self.up and order.block.id in self.disks[node.node_id]
        }
        found = {n: r for n, r in found.items() if r.block.generation >= order.block.generation}
        finalized = [r.block.length for r in found.values() if r.state is FINALIZED]
        length = max(finalized, default=min((r.block.length for r in found.values()), default=0))
        if order.cut_to is not None:
            length = order.cut_to
        new = Block(order.block.id, order.new_generation, length) if length else None
        holders = [n for n, r in found.items() if new and r.block.length >= length]
        for node_id in holders:
            self.put(node_id, new, FINALIZED)
        with suppress(StoreError):
            self.cluster.try_(
                lambda: self.cluster.core.commit_recovery(
                    primary,
                    epoch=self.cluster.state.epoch,
                    old=order.block,
                    new=new,
                    node_ids=holders,
                    wall=self.cluster.wall,
                )
            )

    # --- what can happen -----------------------------------------------------------------

    def create(self):
        self.names += 1
        path = f"/d{self.rng.randrange(3)}/f{self.names}"
        inode_id = self.cluster.create(path, replication=self.rng.randint(1, 4))
        self.open[inode_id] = []

    def write(self):
        if not self.open:
            return
        inode_id = self.rng.choice(list(self.open))
        blocks = self.open[inode_id]
        located = self.cluster.add_block(inode_id, blocks[-1] if blocks else None)
        block = Block(located.block.id, located.block.generation, self.rng.randint(1, 1000))
        nodes = [node.node_id for node in located.nodes if node.node_id in self.up]
        if not nodes:
            # Nobody acknowledged a byte: the writer gives the file up.
            del self.open[inode_id]
            return
        # Some break away from the pipeline, but never all.
        lost = [node_id for node_id in nodes[1:] if self.rng.random() < 0.2]
        for node_id in lost:
            self.put(node_id, block, ReplicaState.RBW)
        survivors = [node_id for node_id in nodes if node_id not in lost]
        if lost:
            block = self.rebuild(inode_id, block, survivors)
        for node_id in survivors:
            self.put(node_id, block, FINALIZED)
        blocks.append(block)

    def rebuild(self, inode_id, block, survivors):
        core, now = self.cluster.core, self.cluster.now
        old = Block(block.id, block.generation)
        grant = self.cluster.try_(
            lambda: core.recover_pipeline(
                inode_id, client_id="ana", block=old, survivors=survivors, now=now
            )
        )
        new = Block(block.id, grant.new_generation, block.length)
        self.cluster.try_(
            lambda: core.update_pipeline(
                inode_id, client_id="ana", old=old, new=new, node_ids=survivors, now=now
            )
        )
        return new

    def complete(self):
        if not self.open:
            return
        inode_id = self.rng.choice(list(self.open))
        blocks = self.open[inode_id]
        if self.cluster.complete(inode_id, blocks[-1] if blocks else None).done:
            self.acknowledged[inode_id] = self.open.pop(inode_id)

    def append(self):
        """Opened again; the replicas of a block that isn't full go on under a new stamp."""
        inode_id = self.rng.choice(list(self.acknowledged))
        path = self.cluster.state.names.path_of(self.cluster.state.names.file(inode_id))
        core, now, wall = self.cluster.core, self.cluster.now, self.cluster.wall
        last = self.cluster.try_(
            lambda: core.changes.append(path, client_id="ana", now=now, wall=wall)
        ).last
        blocks = self.open[inode_id] = self.acknowledged.pop(inode_id)
        if last is None or not last.under_construction:
            return
        if self.rng.random() < 0.2:
            # The writer dies before he has done anything.
            del self.open[inode_id]
            self.acknowledged[inode_id] = blocks
            self.cluster.recover_lease(path)
            return
        survivors = [node.node_id for node in last.nodes if node.node_id in self.up]
        if not survivors:
            del self.open[inode_id]
            return
        block = self.reopened(inode_id, last.block, survivors)
        longer = Block(block.id, block.generation, self.rng.randint(block.length, 1000))
        blocks[-1] = longer
        for node_id in survivors:
            self.put(node_id, longer, FINALIZED)

    def reopened(self, inode_id, old, survivors):
        new = self.rebuild(inode_id, old, survivors)
        for node_id in survivors:
            self.put(node_id, new, ReplicaState.RBW)
        return new

    def truncate(self):
        inode_id = self.rng.choice(list(self.acknowledged))
        file = self.cluster.state.names.file(inode_id)
        length = self.rng.randint(0, file.length)
        path = self.cluster.state.names.path_of(file)
        self.cluster.try_(
            lambda: self.cluster.core.changes.truncate(
                path, length, now=self.cluster.now, wall=self.cluster.wall
            )
        )
        # The lengths that count from now on; the stamps don't matter to the check.
        self.acknowledged[inode_id] = [stored.value() for stored in file.blocks]

    def concat(self):
        target, source = self.rng.sample(list(self.acknowledged), 2)
        names = self.cluster.state.names
        paths = [names.path_of(names.file(inode_id)) for inode_id in (target, source)]
        self.cluster.try_(
            lambda: self.cluster.core.changes.concat(
                paths[0], paths[1:], now=self.cluster.now, wall=self.cluster.wall
            )
        )
        self.acknowledged[target] = self.acknowledged[target] + self.acknowledged.pop(source)

    def give_up(self):
        for file in list(self.cluster.state.open_files.values())[:1]:
            self.open.pop(file.id, None)
            self.cluster.recover_lease(self.cluster.state.names.path_of(file))

    def rename(self):
        inode = self.some_inode()
        self.cluster.rename(
            self.cluster.state.names.path_of(inode),
            f"/d{self.rng.randrange(3)}/r{self.rng.randrange(9)}",
            overwrite=self.rng.random() < 0.5,
        )

    def delete_path(self):
        if self.rng.random() < 0.3:
            path = self.cluster.state.names.path_of(self.some_inode())
            self.cluster.delete(path, recursive=True)

    def some_inode(self):
        return self.rng.choice(list(self.cluster.state.names.inodes.values()))

    def set_replication(self):
        file = self.some_inode()
        path = self.cluster.state.names.path_of(file)
        self.cluster.take(self.cluster.core.set_replication(path, self.rng.randint(1, 5)))

    def kill(self):
        if len(self.up) > 2:
            self.up.discard(self.rng.choice(sorted(self.up)))

    def revive(self):
        down = sorted(set(NODES) - self.up)
        if down:
            self.come_back(self.rng.choice(down))

    def restart_namenode(self):
        if self.rng.random() < 0.3:
            self.cluster.restart()
            for node_id in sorted(self.up):
                self.come_back(node_id)

    def time(self):
        self.cluster.pass_time(self.rng.choice([1, 5, 40]), beating=sorted(self.up))
        for node_id in sorted(self.up):
            if not self.cluster.beat(node_id):
                self.come_back(node_id)

    STEPS = (
        create,
        write,
        write,
        write,
        complete,
        complete,
        append,
        truncate,
        concat,
        give_up,
        rename,
        delete_path,
        set_replication,
        kill,
        revive,
        revive,
        restart_namenode,
        time,
        perform_orders,
        perform_orders,
        perform_orders,
    )

    def step(self):
        with suppress(StoreError):
            step = self.rng.choice(self.STEPS)
            if len(self.acknowledged) > 1 or step not in (Life.append, Life.truncate, Life.concat):
                step(self)
        inodes = self.cluster.state.names.inodes
        for table in (self.open, self.acknowledged):
            for inode_id in [i for i in table if i not in inodes]:
                del table[inode_id]

    # --- what must always be true ----------------------------------------------------------

    def check(self):
        self.check_block_map()
        self.check_acknowledged()
        state = self.cluster.state
        assert state.committed_blocks == sum(block.committed for block in state.blocks.values())
        assert set(state.openings) == set(state.open_files)
        assert set(state.open_files) == {
            inode.id for inode in state.names.inodes.values() if getattr(inode, "is_open", False)
        }

    def check_block_map(self):
        blocks = self.cluster.core._parts.blocks
        by_block = {}
        for node_id in NODES:
            for block_id in blocks.of_node(node_id):
                by_block.setdefault(block_id, set()).add(node_id)
        for block_id in self.cluster.state.blocks:
            good, odd = set(blocks.good(block_id)), set(blocks.odd(block_id))
            assert not good & odd
            assert good | odd == by_block.pop(block_id, set())
        assert by_block == {}

    def check_acknowledged(self):
        for inode_id, written in self.acknowledged.items():
            stored = self.cluster.state.names.file(inode_id).blocks
            assert [block.length for block in stored] == [block.length for block in written]
            for block in stored:
                kept = [disk[block.id] for disk in self.disks.values() if block.id in disk]
                assert any(
                    replica == Replica(block.value(), FINALIZED)
                    or (not block.committed and replica.block.length >= block.length)
                    for replica in kept
                ), f"{block} of file {inode_id} is on no disk"

    def check_replay(self):
        assert self.image_of(self.cluster.replayed()) == self.image_of(self.cluster.state)


@pytest.mark.parametrize("seed", range(60))
def test_a_random_life_keeps_every_acknowledged_block_and_replays_to_the_same_state(
    seed, make_cluster, image_of
):
    config = NameNodeConfig(block_bytes=1000, block_bytes_min=1, safe_mode_threshold=0.5)
    life = Life(make_cluster(config, seed), seed, image_of)
    for _ in range(300):
        life.step()
        life.check()
    life.check_replay()


@pytest.mark.parametrize("seed", range(10))
def test_when_all_nodes_are_back_blocks_get_their_replicas_and_all_files_are_closed(
    seed, make_cluster, image_of
):
    config = NameNodeConfig(block_bytes=1000, block_bytes_min=1)
    life = Life(make_cluster(config, seed), seed, image_of)
    for _ in range(200):
        life.step()
    for node_id in set(NODES) - life.up:
        life.come_back(node_id)
    # Longer than a lease, and than some lost orders in a row.
    for _ in range(500):
        life.cluster.pass_time(1)
        life.perform_orders()
    for inode_id in life.acknowledged:
        file = life.cluster.state.names.file(inode_id)
        for block in file.blocks:
            good = life.cluster.core._parts.blocks.good(block.id)
            assert len(good) == min(file.replication, len(NODES)), f"{block} is on {good}"
    assert life.cluster.state.open_files == {}


def test_the_lives_reach_what_they_are_meant_to_reach(make_cluster, image_of):
    seen = set()
    for seed in range(10):
        life = Life(make_cluster(seed=seed), seed, image_of)
        acknowledged = 0
        for _ in range(300):
            life.step()
            # At the end all of it may be deleted.
            acknowledged = max(acknowledged, len(life.acknowledged))
        seen |= {type(entry) for entry in life.cluster.entries}
        assert acknowledged
    assert {BlockCommitted, FileClosed, FileAppended, Truncated, Concatenated} <= seen
