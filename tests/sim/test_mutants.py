"""Proof that the simulator can fail: shells and cores that break one rule each are caught.

A mutant that lives would mean that the checker doesn't look, or that the faults never come.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from simulator.clusterscenario import ClusterScenario
from simulator.datanode_host import DataNodeHost
from simulator.disk import SimDisk
from simulator.mutants import DoubleCountingJobTracker, HastyJobTracker, caught
from simulator.namenode_host import NameNodeHost
from simulator.network import Stream
from simulator.pipeline import Receiver, WriteHeader
from simulator.storescenario import StoreScenario
from simulator.world import Future

from blockstore.datanode.writing import Writing
from blockstore.model import Block, Node, Replica, ReplicaState
from blockstore.namenode.core import NameNode
from mapred.jobtracker import jobs

pytestmark = pytest.mark.sim


class HastyNameNode(NameNodeHost):
    """Answers before its journal is on the disk."""

    async def _everything_durable(self) -> None:
        self._waiting.append((self._journal.last, Future()))
        if not self._syncing:
            self.world.spawn(self._sync(), self.life)


def test_a_namenode_that_answers_before_the_fsync_is_caught() -> None:
    story = caught(lambda world: StoreScenario(world, namenode_type=HastyNameNode), range(40))
    assert story != "nothing"


class ForgetfulDisk(SimDisk):
    """Says that it has synced."""

    def sync_file(self, file: Any) -> None:
        pass


class ForgetfulDataNode(DataNodeHost):
    disk_type = ForgetfulDisk


def test_a_datanode_that_acknowledges_before_the_fsync_is_caught() -> None:
    story = caught(lambda world: StoreScenario(world, datanode_type=ForgetfulDataNode), range(20))
    assert "no disk has it whole" in story


class LazyDataNode(DataNodeHost):
    """Says that it has cut a block, and hasn't."""

    async def serve_update(
        self, old: Block, new: Block, finalize: bool, copy_to: tuple[Node, ...] = ()
    ) -> Replica:
        if finalize and new.length < old.length:
            return Replica(new, ReplicaState.FINALIZED)
        return await super().serve_update(old, new, finalize, copy_to)


def test_a_datanode_that_does_not_cut_what_is_truncated_is_caught() -> None:
    story = caught(lambda world: StoreScenario(world, datanode_type=LazyDataNode), range(20))
    assert "no disk has it whole" in story


class GenerousReceiver(Receiver):
    """Gives a receipt for a replica that it leaves open."""

    def _finish(self, writing: Writing) -> None:
        self._receipts = (self._host.receipt(report=1_000),)


class GenerousDataNode(DataNodeHost):
    async def serve_write(self, stream: Stream, header: WriteHeader) -> None:
        receiver = GenerousReceiver if header.stage == "create" else Receiver
        await receiver(self, stream, header).run()


def test_a_datanode_that_gives_receipts_for_what_it_has_not_finalised_is_caught() -> None:
    story = caught(lambda world: StoreScenario(world, datanode_type=GenerousDataNode), range(20))
    assert "no disk has it whole" in story


class ShyDataNode(DataNodeHost):
    """Shows readers what its disk has for good, not what the pipeline has acknowledged."""

    async def serve_info(self, block_id: int) -> Replica:
        found = await super().serve_info(block_id)
        if found.state is not ReplicaState.RBW:
            return found
        return replace(found, block=replace(found.block, length=0))


def test_a_datanode_that_hides_flushed_bytes_is_caught() -> None:
    story = caught(lambda world: StoreScenario(world, datanode_type=ShyDataNode), range(40))
    assert "had been flushed" in story


class StampBlindNameNode(NameNode):
    """Takes every replica for one of the newest generation."""

    def incremental_report(self, node_id: str, *, replicas: Sequence[Replica], **named: Any) -> Any:
        newest = [replace(replica, block=self._newest(replica.block)) for replica in replicas]
        return super().incremental_report(node_id, replicas=newest, **named)

    def full_report(self, node_id: str, *, replicas: Sequence[Replica], **named: Any) -> Any:
        newest = [replace(replica, block=self._newest(replica.block)) for replica in replicas]
        return super().full_report(node_id, replicas=newest, **named)

    def _newest(self, block: Block) -> Block:
        stored = self.state.blocks.get(block.id)
        return replace(block, generation=stored.generation) if stored else block


def test_a_namenode_that_ignores_generation_stamps_is_caught() -> None:
    story = caught(lambda world: StoreScenario(world, make_core=StampBlindNameNode), range(60))
    assert story != "nothing"


class HastyCluster(ClusterScenario):
    jobtracker_type = HastyJobTracker


def test_a_jobtracker_that_answers_before_the_history_is_durable_is_caught() -> None:
    assert caught(HastyCluster, range(20)) != "nothing"


def test_a_jobtracker_that_counts_twice_is_caught() -> None:
    story = caught(
        lambda world: ClusterScenario(world, jobtracker_core=DoubleCountingJobTracker), range(10)
    )
    assert "counted" in story


def test_a_jobtracker_that_uses_an_attempts_id_twice_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Launches go out before they are durable: the next life may not know of them."""
    monkeypatch.setattr(jobs, "NUMBERS_PER_EPOCH", 0)
    story = caught(ClusterScenario, range(60))
    assert "and was started on" in story
