"""Leases: who may write, and for how long without a sign of life.

Rules
- A client's lease covers all files it writes; any sign of it renews the lease.
- After `soft_s` of silence another client may ask for a file; then it's closed for them.
- After `hard_s` the NameNode takes the lease away and closes the files itself.
- Which client writes which file is journaled; when a client was heard is not: after a restart
  every writer has its full time again.
"""


class Leases:
    """When each writing client was last heard of."""

    def __init__(self, *, soft_s: float, hard_s: float) -> None:
        self._soft_s = soft_s
        self._hard_s = hard_s
        self._renewed: dict[str, float] = {}

    def grant(self, client_id: str, now: float) -> None:
        self._renewed[client_id] = now

    def renew(self, client_id: str, now: float) -> None:
        """Clients without a lease get none by this."""
        if client_id in self._renewed:
            self._renewed[client_id] = now

    def is_soft_expired(self, client_id: str, now: float) -> bool:
        renewed = self._renewed.get(client_id)
        return renewed is None or now - renewed > self._soft_s

    def silence_s(self, client_id: str, now: float) -> float:
        return now - self._renewed.get(client_id, now)

    def take_hard_expired(self, now: float) -> list[str]:
        """The clients whose time is over; each is told once."""
        over = [c for c, renewed in self._renewed.items() if now - renewed > self._hard_s]
        for client_id in over:
            del self._renewed[client_id]
        return over

    def __len__(self) -> int:
        return len(self._renewed)
