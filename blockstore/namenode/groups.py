"""Which groups a user is in, as the NameNode sees it: its configuration, then its machine.

What a client says of its groups doesn't count. Looking a user up may ask a directory service, so
it happens on a thread and is remembered for a while.
"""

import asyncio
import grp
import os
import pwd
from typing import Final

from blockstore.errors import ConfigException, InvalidPathException, InvalidRequestException
from blockstore.namenode import paths
from blockstore.namenode.access import Caller
from blockstore.runtime.clock import Clock

# As long as Hadoop keeps them.
REMEMBERED_S: Final = 300.0
# More users than that aren't remembered at once: names are whatever clients claim.
REMEMBERED_MAX: Final = 10_000
# In whose name calls come that say none.
NOBODY: Final = "nobody"


class Groups:
    """Owned by the event loop."""

    def __init__(self, configured: str, clock: Clock) -> None:
        """`configured`: user=group,group;user=group. Raises ConfigException."""
        self._configured = parse(configured)
        self._clock = clock
        self._known: dict[str, tuple[float, Caller]] = {}

    async def caller(self, user: str | None) -> Caller | None:
        """None: the NameNode's own work, or a DataNode's.

        Raises:
            InvalidRequestException: the name can't be a directory's, nor anybody's.
        """
        if user is None:
            return None
        known = self._known.get(user)
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        _check_name(user)
        groups = self._configured.get(user)
        if groups is None:
            groups = await asyncio.to_thread(of_this_machine, user)
        caller = Caller(user or NOBODY, groups)
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known[user] = (self._clock.monotonic() + REMEMBERED_S, caller)
        return caller


def _check_name(user: str) -> None:
    try:
        ok = not user or paths.split(f"/{user}") == (user,)
    except InvalidPathException:
        ok = False
    if not ok:
        raise InvalidRequestException(f"{user!r} is no user's name: see MAPRED_USER")


def parse(configured: str) -> dict[str, frozenset[str]]:
    """Raises ConfigException."""
    found = {}
    for word in filter(None, configured.split(";")):
        user, equals, groups = word.partition("=")
        if not user or not equals:
            raise ConfigException(
                f"groups='{configured}': '{word}' is not user=group,group; users are set apart by ;"
            )
        found[user] = frozenset(filter(None, groups.split(",")))
    return found


def of_this_machine(user: str) -> frozenset[str]:
    """Empty for a user whom this machine doesn't know."""
    try:
        main = pwd.getpwnam(user).pw_gid
        return frozenset(_name(gid) for gid in os.getgrouplist(user, main))
    except (KeyError, ValueError, OSError):
        return frozenset()


def _name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
