"""Leases: who may write, and for how long without a sign of life.

Rules
- A client's lease covers all files it writes; any sign of it renews the lease.
- A writer is one opening of one file by a client: host-17-c0ffee/3. A request that was made for an
  earlier opening names another writer, so it's refused however late it comes.
- After `soft_s` of silence another client may ask for a file; then it's closed for them.
- After `hard_s` the NameNode takes the lease away and closes the files itself.
- Which client writes which file is journaled; when a client was heard is not: after a restart
  every writer has its full time again.
"""

from typing import Final

_OPENING: Final = "/"


def client_of(writer: str) -> str:
    """Whose lease covers what this writer has opened."""
    return writer.partition(_OPENING)[0]


class Leases:
    """When each writing client was last heard of."""

    def __init__(self, *, soft_s: float, hard_s: float) -> None:
        self._soft_s = soft_s
        self._hard_s = hard_s
        self._renewed: dict[str, float] = {}

    def grant(self, writer: str, now: float) -> None:
        self._renewed[client_of(writer)] = now

    def renew(self, writer: str, now: float) -> None:
        """Clients without a lease get none by this."""
        client_id = client_of(writer)
        if client_id in self._renewed:
            self._renewed[client_id] = now

    def is_soft_expired(self, writer: str, now: float) -> bool:
        renewed = self._renewed.get(client_of(writer))
        return renewed is None or now - renewed > self._soft_s

    def silence_s(self, writer: str, now: float) -> float:
        return now - self._renewed.get(client_of(writer), now)

    def take_hard_expired(self, now: float) -> list[str]:
        """The clients whose time is over; each is told once."""
        over = [c for c, renewed in self._renewed.items() if now - renewed > self._hard_s]
        for client_id in over:
            del self._renewed[client_id]
        return over

    def __len__(self) -> int:
        return len(self._renewed)
