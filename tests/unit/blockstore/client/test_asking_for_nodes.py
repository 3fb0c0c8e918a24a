"""What a writer tells the NameNode of nodes that failed it, whenever it asks for some."""

import pytest

from blockstore.client.exclusions import EXCLUDED_S, Exclusions, excluded
from blockstore.client.pipelines import Pipelines
from blockstore.client.settings import ClientSettings
from blockstore.errors import PlacementException
from blockstore.model import Block, FileStatus, LocatedBlock, Node
from blockstore.runtime.clock import FakeClock

NODES = tuple(Node(f"dn-{n}", f"10.0.0.{n}", 9866) for n in range(3))
FILE = FileStatus("/f", False, 0, 3, 1 << 20, 0.0, 5, under_construction=True)
BLOCK = Block(1, 7, 100)


class PassingClock(FakeClock):
    """Whoever sleeps is awake again when it's time."""

    def sleep(self, seconds):
        self.advance(seconds)


class FakeNameNode:
    """Refuses as often as it's told to, and remembers what it was asked."""

    def __init__(self):
        self.story = []
        self.refusals = 0

    def add_block(self, file, previous, excluded, client_host):
        self._hear("a block", excluded)
        return LocatedBlock(Block(2, 8), 0, NODES, under_construction=True)

    def recover_pipeline(self, file, block, survivors, excluded, want_replacement):
        self._hear(f"one beside {survivors}", excluded)
        return 9, NODES[2]

    def _hear(self, what, excluded):
        self.story.append(f"{what}, not {'; '.join(map(str, excluded)) or 'minding whom'}")
        if self.refusals:
            self.refusals -= 1
            raise PlacementException("no node has room")


@pytest.fixture
def clock():
    return PassingClock()


@pytest.fixture
def namenode():
    return FakeNameNode()


@pytest.fixture
def pipelines(namenode, clock):
    return Pipelines(namenode, None, None, None, FILE, ClientSettings(), "10.0.0.9", clock)


@pytest.fixture
def failed(clock):
    found = Exclusions(clock)
    found["dn-1"] = excluded(NODES[1], "connection refused", seen_from="dn-0")
    return found


def test_a_block_is_not_to_be_on_a_node_that_failed(pipelines, namenode, failed):
    pipelines.allocate(failed)
    assert namenode.story == ["a block, not dn-1 (10.0.0.1:9866) connection refused from dn-0"]


def test_when_nobody_else_takes_a_block_those_that_failed_may(pipelines, namenode, failed):
    namenode.refusals = 1
    pipelines.allocate(failed)
    assert namenode.story == [
        "a block, not dn-1 (10.0.0.1:9866) connection refused from dn-0",
        "a block, not minding whom",
    ]
    assert (pipelines.refusal, failed) == ("no node has room", {})


def test_nor_is_one_that_joins_a_pipeline_to_be_one_that_failed(pipelines, namenode, failed):
    assert pipelines.ask(BLOCK, NODES[:1], failed) == (9, NODES[2])
    assert namenode.story == [
        "one beside ['dn-0'], not dn-1 (10.0.0.1:9866) connection refused from dn-0"
    ]


def test_who_failed_long_ago_is_as_good_as_any(pipelines, namenode, failed, clock):
    clock.advance(EXCLUDED_S)
    pipelines.ask(BLOCK, NODES[:1], failed)
    pipelines.allocate(failed)
    assert namenode.story == ["one beside ['dn-0'], not minding whom", "a block, not minding whom"]
