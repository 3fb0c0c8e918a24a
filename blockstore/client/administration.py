"""What administrators ask of the NameNode, and of DataNodes through it: `BlockStore.admin`."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

from blockstore.admincodec import (
    balancer_from_wire,
    fsck_from_wire,
    node_report_from_wire,
    report_from_wire,
    safe_mode_from_wire,
    why_from_wire,
)
from blockstore.adminmodel import BalancerStatus, SafeModeWhy
from blockstore.client.namenode import NameNodeClient
from blockstore.codec import block_to_wire
from blockstore.errors import StoreError
from blockstore.model import Block, ClusterReport, FsckReport, Node, NodeReport, SafeMode
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.runtime.retry import NO_RETRY
from blockstore.wire import datanode_pb2, datanode_pb2_grpc
from blockstore.wire import namenode_pb2 as pb

_ACTIONS: Final = {
    "get": pb.SafeModeRequest.GET,
    "enter": pb.SafeModeRequest.ENTER,
    "leave": pb.SafeModeRequest.LEAVE,
}
_DUTIES: Final = {
    "in service": pb.AssignDutyRequest.SERVE,
    "decommission": pb.AssignDutyRequest.LEAVE,
    "maintenance": pb.AssignDutyRequest.REST,
}
# Replicas verified at once: a few disks' worth, whatever the number of nodes.
VERIFY_AT_ONCE: Final = 8
# The slowest disk that is still worth waiting for.
_VERIFY_BYTES_PER_S: Final = 4 * 1024 * 1024
_VERIFY_BASE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One replica that was to be read in full; both words are empty when it's whole."""

    path: str
    block: Block
    node: Node
    length: int
    damage: str = ""
    # Why it could not be read.
    unread: str = ""


class Administration:
    """Operating a cluster. Thread-safe."""

    def __init__(self, namenode: NameNodeClient, peers: Peers) -> None:
        self._namenode = namenode
        self._peers = peers

    def report(self) -> ClusterReport:
        return report_from_wire(self._namenode.ask("Report", pb.Empty()))

    def safe_mode(self, action: str) -> SafeMode:
        request = pb.SafeModeRequest(action=_ACTIONS[action])
        return safe_mode_from_wire(self._namenode.ask("SafeMode", request))

    def why_safe_mode(self) -> SafeModeWhy:
        """What it waits for, and what would be lost if it ended now."""
        return why_from_wire(self._namenode.ask("SafeModeWhy", pb.Empty()))

    # --- DataNodes -----------------------------------------------------------------------

    def assign_duty(
        self,
        nodes: Sequence[str],
        duty: Literal["in service", "decommission", "maintenance"],
        *,
        for_s: float = 0.0,
        force: bool = False,
    ) -> list[NodeReport]:
        """Nodes by id or host:port; `for_s` is the length of a maintenance.

        Raises:
            InvalidRequestException: it would lose data, or the cluster can't do it.
        """
        request = pb.AssignDutyRequest(nodes=nodes, duty=_DUTIES[duty], for_s=for_s, force=force)
        return [node_report_from_wire(n) for n in self._namenode.ask("AssignDuty", request).nodes]

    def forget_node(self, node: str) -> None:
        """Raises InvalidRequestException: it is alive, or unknown."""
        self._namenode.ask("ForgetNode", pb.ForgetNodeRequest(node=node))

    # --- balancer ------------------------------------------------------------------------

    def balancer(self) -> BalancerStatus:
        return self._ask_balancer(pb.BalancerRequest())

    def start_balancer(self, *, threshold: float, bytes_per_s: int) -> BalancerStatus:
        """`threshold` is a fraction of 1, the limit that of each node that gives."""
        request = pb.BalancerRequest(
            action=pb.BalancerRequest.START, threshold=threshold, bytes_per_s=bytes_per_s
        )
        return self._ask_balancer(request)

    def stop_balancer(self) -> BalancerStatus:
        return self._ask_balancer(pb.BalancerRequest(action=pb.BalancerRequest.STOP))

    def _ask_balancer(self, request: pb.BalancerRequest) -> BalancerStatus:
        return balancer_from_wire(self._namenode.ask("Balancer", request))

    # --- health --------------------------------------------------------------------------

    def fsck(self, path: str) -> FsckReport:
        pages = list(self.fsck_pages(path))
        files = tuple(file for page in pages for file in page.files)
        states = {page.state for page in pages}
        return FsckReport(files, "corrupt" if "corrupt" in states else "healthy")

    def fsck_pages(self, path: str) -> Iterator[FsckReport]:
        """The files below a path in order of their names, some at a time."""
        after = ""
        while True:
            request = pb.FsckRequest(path=path, after=after)
            page = fsck_from_wire(self._namenode.ask("Fsck", request))
            yield page
            after = page.resume_after
            if not after:
                return

    def verify(self, page: FsckReport) -> Iterator[Verdict]:
        """Has every replica of these files read in full by its node, several at a time.

        Damaged ones are reported to the NameNode by their nodes.
        """
        replicas = [
            (file.path, found.block, node)
            for file in page.files
            for found in file.blocks
            if found.state != "open"
            for node in found.nodes
        ]
        with ThreadPoolExecutor(VERIFY_AT_ONCE, thread_name_prefix="verify") as pool:
            yield from pool.map(self._verified, replicas)

    def _verified(self, replica: tuple[str, Block, Node]) -> Verdict:
        path, block, node = replica
        request = datanode_pb2.VerifyReplicaRequest(block=block_to_wire(block))
        try:
            reply = rpc.call(
                datanode_pb2_grpc.DataNodeStub(self._peers.dial(node)).VerifyReplica,
                request,
                to=f"DataNode {node}",
                timeout_s=_VERIFY_BASE_S + block.length / _VERIFY_BYTES_PER_S,
                policy=NO_RETRY,
            )
        except StoreError as error:
            return Verdict(path, block, node, 0, unread=str(error))
        return Verdict(path, block, node, reply.length, reply.damage)
