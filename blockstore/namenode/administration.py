"""What administrators ask of the core beyond reports: health, duties of nodes, safe
mode's reasons, and the balancer."""

from collections.abc import Sequence

from blockstore.adminmodel import BalancerStatus, SafeModeWhy
from blockstore.model import FsckReport, NodeReport
from blockstore.namenode import health, waiting
from blockstore.namenode.balancing import Balancing
from blockstore.namenode.duties import Duties
from blockstore.namenode.leavetaking import LeaveLook
from blockstore.namenode.nodereports import node_report
from blockstore.namenode.parts import Parts
from blockstore.namenode.ready import Ready
from blockstore.namenode.reporting import Reporting
from blockstore.namenode.roster import Duty


class Administration:
    """The core's word to administrators; every call is as `NameNode`'s are."""

    def __init__(self, parts: Parts, reporting: Reporting) -> None:
        self._parts = parts
        self._duties = Duties(parts, reporting)
        self._balancing = Balancing(parts)

    def tick(self, now: float, wall: float) -> None:
        if not self._parts.safe_mode.on:
            self._duties.tick(now, wall)
            self._balancing.work(now)

    def fsck_page(self, path: str, after: str = "", *, now: float) -> Ready[FsckReport]:
        """Raises FileNotFoundException."""
        return Ready(health.page(self._parts, path, after, now))

    def why(self, *, now: float) -> Ready[SafeModeWhy]:
        return Ready(waiting.why(self._parts, now))

    def assign(
        self,
        words: Sequence[str],
        duty: Duty,
        *,
        look: LeaveLook,
        for_s: float = 0.0,
        force: bool = False,
        now: float,
        wall: float,
    ) -> Ready[tuple[NodeReport, ...]]:
        """Decommission, maintenance, or back to service; `for_s` is a maintenance's length.

        Raises:
            InvalidRequestException: it would lose data, or can't be done.
            Unfinished: `look`, one for each request, has more to look at.
        """
        self._parts.access.superuser(f"change the duty of {', '.join(words)}")
        self._parts.safe_mode.check(f"changing the duty of {', '.join(words)}")
        members = self._duties.assign(
            words, duty, look=look, for_s=for_s, force=force, now=now, wall=wall
        )
        return self._parts.ready(tuple(node_report(self._parts, m, now) for m in members))

    def forget(self, word: str, *, now: float) -> Ready[None]:
        """Raises InvalidRequestException: the node lives, or isn't known."""
        self._parts.access.superuser(f"forget {word}")
        self._duties.forget(word, now)
        return self._parts.ready(None)

    def hold_changes(self, reason: str) -> None:
        """The journal has no room, or (empty) has it: changes wait, reads and copies go on."""
        self._parts.safe_mode.hold(reason)

    # --- balancer -------------------------------------------------------------

    def start_balancer(
        self, *, threshold: float, bytes_per_s: int, now: float
    ) -> Ready[BalancerStatus]:
        """Raises InvalidRequestException: a value is out of range."""
        self._parts.access.superuser("start the balancer")
        self._parts.safe_mode.check("moving blocks")
        self._balancing.start(threshold, bytes_per_s)
        return self._parts.ready(self._balancing.status(now))

    def stop_balancer(self, *, now: float) -> Ready[BalancerStatus]:
        self._parts.access.superuser("stop the balancer")
        self._balancing.stop("stopped by an administrator")
        return self._parts.ready(self._balancing.status(now))

    def balancer(self, *, now: float) -> Ready[BalancerStatus]:
        return Ready(self._balancing.status(now))
