"""A DataNode that nobody can reach, though it hears and is heard by the NameNode.

Everybody dials a DataNode at an address of its own, where a wire that can be cut takes them on.
The first node of a pipeline is dialled by the client, the second by the first.
"""

import random

import pytest

from blockstore.errors import StoreError
from blockstore.packetcalls import PacketCall
from tests.cluster.proxy import Wire

pytestmark = pytest.mark.cluster

DATA = random.Random(1).randbytes(3 * 1024 * 1024 + 5)
CUT_AT = 1_500_000


class Wires:
    """To both ports of a DataNode: its calls and its bytes."""

    def __init__(self, address, byte_port):
        host, _, port = address.rpartition(":")
        self._both = [Wire(f"127.0.0.1:{n}", at=f"{host}:{n}") for n in (port, byte_port)]
        self.bytes = self._both[1]

    def cut(self, *, forth=True):
        for wire in self._both:
            wire.cut(forth=forth)

    def refuse(self):
        for wire in self._both:
            wire.refuse()

    def heal(self):
        for wire in self._both:
            wire.heal()

    def close(self):
        for wire in self._both:
            wire.close()


@pytest.fixture
def wires(cluster):
    """Of three DataNodes, by the address that others dial."""
    cluster.start_namenode()
    found = {}
    try:
        for number in range(3):
            cluster.advertised[number] = f"127.0.1.{number + 1}"
            # A node that doesn't hear from the next one says so long before its client gives up.
            cluster.start_datanode(number, pipeline_ack_s=3.0)
        for node in (each.node for each in cluster.client().report().nodes):
            found[node.address] = Wires(node.address, node.byte_port)
        assert set(found) == set(cluster.addresses.values())
        yield found
    finally:
        for wire in found.values():
            wire.close()


def sever(wire, how):
    if how == "refused":
        wire.refuse()
    else:
        wire.cut(forth=how != "acknowledgements alone")


def get(store, path):
    with store.open(path) as file:
        return file.read()


@pytest.mark.parametrize("how", ["both ways", "acknowledgements alone", "refused"])
@pytest.mark.parametrize(
    ("hop", "patience_s"), [(0, 1.0), (1, 20.0)], ids=["client-datanode", "datanode-datanode"]
)
def test_a_node_that_cant_be_reached_is_left_out_until_it_can(
    cluster, wires, eventually, hop, patience_s, how
):
    store = cluster.client(short_circuit=False, pipeline_ack_s=patience_s)
    with store.open("/before", "wb", replication=2) as file:
        file.write(DATA)
    with store.open("/file", "wb", replication=2, block_bytes=2 * len(DATA)) as file:
        file.write(DATA[:CUT_AT])
        file.hflush()
        nodes = file._output._located.nodes
        lost, before = nodes[hop], nodes[hop - 1].node_id if hop else "client"

        sever(wires[lost.address], how)
        file.write(DATA[CUT_AT:])
        file.hflush()

        assert before in file._excluded[lost.node_id].reason
        assert get(store, "/file") == get(store, "/before") == DATA
    (block,) = store.locate("/file")
    assert len(block.nodes) == 2
    assert lost.node_id not in {node.node_id for node in block.nodes}

    # Nobody else is left to have the third replica.
    store.set_replication("/file", 3)
    wires[lost.address].heal()
    eventually(lambda: len(store.locate("/file")[0].nodes) == 3, "a replica on the healed node")
    assert store.fsck("/").state == "healthy"
    assert get(store, "/file") == get(store, "/before") == DATA


def test_a_block_whose_node_loses_its_byte_port_goes_on_there_over_grpc(cluster, wires):
    store = cluster.client(short_circuit=False)
    with store.open("/file", "wb", replication=1, block_bytes=2 * len(DATA)) as file:
        file.write(DATA[:CUT_AT])
        file.hflush()
        nodes = file._output.nodes
        wires[nodes[0].address].bytes.refuse()
        file.write(DATA[CUT_AT:])
        file.hflush()
        assert file._output.nodes == nodes
        assert isinstance(file._output._stream, PacketCall)
    assert get(store, "/file") == DATA


def test_a_copy_that_is_refused_by_its_target_is_made_when_it_can(cluster, wires, eventually):
    store = cluster.client(short_circuit=False)
    with store.open("/file", "wb", replication=1, block_bytes=2 * len(DATA)) as file:
        file.write(DATA)
    (block,) = store.locate("/file")
    lost = next(address for address in wires if address != block.nodes[0].address)
    log = cluster.root / "namenode.log"

    wires[lost].refuse()
    store.set_replication("/file", 3)
    eventually(lambda: len(store.locate("/file")[0].nodes) == 2, "the copy that can be made")
    eventually(lambda: f"({lost}): " in log.read_text(), "the other's failure")
    wires[lost].heal()

    eventually(lambda: len(store.locate("/file")[0].nodes) == 3, "the other copy")
    assert store.fsck("/").state == "healthy"
    assert get(store, "/file") == DATA


@pytest.mark.parametrize("how", ["both ways", "refused"])
def test_a_lost_writers_file_is_closed_though_its_nodes_cant_reach_each_other(
    cluster, wires, eventually, how
):
    store = cluster.client(short_circuit=False)
    file = cluster.client().open("/file", "wb", replication=2, block_bytes=2 * len(DATA))
    file.write(DATA)
    file.hflush()
    nodes = file._output._located.nodes
    for node in nodes:
        sever(wires[node.address], how)

    store.recover_lease("/file", timeout_s=60.0)
    assert store.stat("/file").length == len(DATA)

    for node in nodes:
        wires[node.address].heal()
    eventually(lambda: len(store.locate("/file")[0].nodes) == 2, "a second replica")
    assert get(store, "/file") == DATA
    with pytest.raises(StoreError):
        file.close()
