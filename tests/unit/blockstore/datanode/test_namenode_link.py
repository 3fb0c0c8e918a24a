"""What a DataNode sends its NameNode."""

import pytest

from blockstore.datanode.namenode_link import PIECE_REPLICAS, NameNodeLink
from blockstore.model import Block, Node, Replica, ReplicaState


class Stub:
    """Takes what it's sent."""

    def __init__(self):
        self.taken = []

    def FullReport(self, request, **_):
        self.taken.append(request)


@pytest.mark.parametrize(
    ("replicas", "pieces"),
    [
        (0, [(0, 0, False)]),
        (PIECE_REPLICAS, [(0, PIECE_REPLICAS, False)]),
        (
            2 * PIECE_REPLICAS + 1,
            [(0, PIECE_REPLICAS, True), (1, PIECE_REPLICAS, True), (2, 1, False)],
        ),
    ],
)
def test_a_full_report_goes_in_pieces_of_one_number(replicas, pieces):
    stub = Stub()
    link = NameNodeLink(stub, "namenode:1", Node("x", "h", 1), 1)
    found = [Replica(Block(n, 1, 10), ReplicaState.FINALIZED) for n in range(replicas)]
    link.full_report(found, 1)
    assert [(r.piece, len(r.replicas), r.more) for r in stub.taken] == pieces
    assert {r.number for r in stub.taken} == {1}
    assert [r.block.id for piece in stub.taken for r in piece.replicas] == [*range(replicas)]
