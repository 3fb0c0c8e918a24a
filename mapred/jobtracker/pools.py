"""Pools: shares of the cluster, and whose turn it is when a slot is free. Pure.

Rules
- A job runs in the pool that it names. A pool that isn't configured has weight 1 and no
  minimum; once there is a file of pools, only its pools and "default" can be named.
- First come pools below their minimum share, the one with the smallest part of it first; then
  pools by running tasks per weight. Only pools that have something to run count.
- In a fair pool jobs share by running tasks per weight of their priority, then the older goes
  first. In a fifo pool the higher priority goes first, then the older.
- Nothing that runs is taken away: tasks are short, and a slot that is freed goes to the
  neediest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from blockstore.errors import ConfigException
from mapred.errors import RefusedError
from mapred.model import DEFAULT_POOL, TaskKind

FAIR: Final = "fair"
FIFO: Final = "fifo"
# Of pools that nobody configured: names come from clients.
NAME_LETTERS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Pool:
    """A table [NAME] of the file of pools."""

    weight: float = 1.0
    min_maps: int = 0
    min_reduces: int = 0
    order: str = FAIR

    def minimum(self, kind: TaskKind) -> int:
        if kind is TaskKind.MAP:
            return self.min_maps
        return self.min_reduces if kind is TaskKind.REDUCE else 0

    def turn(self, kind: TaskKind, running: int) -> tuple[bool, float]:
        """The smaller, the needier."""
        minimum = self.minimum(kind)
        if running < minimum:
            return False, running / minimum
        return True, running / self.weight


@dataclass(frozen=True, slots=True)
class Pools:
    """All that is configured; `listed` when there is a file, which names every pool."""

    by_name: Mapping[str, Pool] = field(default_factory=dict)
    listed: bool = False

    def of(self, name: str) -> Pool:
        return self.by_name.get(name, _PLAIN)

    def refuse_unknown(self, name: str) -> None:
        """Raises RefusedError."""
        if self.listed and name not in self.by_name and name != DEFAULT_POOL:
            known = ", ".join(sorted({*self.by_name, DEFAULT_POOL}))
            raise RefusedError(f"there is no pool '{name}' here. The pools are: {known}")
        if not name.isprintable() or len(name) > NAME_LETTERS_MAX:
            raise RefusedError(f"a pool's name has up to {NAME_LETTERS_MAX} printable letters")


_PLAIN: Final = Pool()


def parse(text: str, where: str) -> Pools:
    """Pools of a TOML file, a table each: `[nightly]`, `weight = 2`, `min_maps = 4`, …

    Raises:
        ConfigException: no TOML, an unknown key, or a value that can't be.
    """
    # Most JobTrackers have no such file, and an embedded one starts with every job.
    import tomllib

    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigException(f"{where}: {error}") from None
    return Pools({name: _pool(name, table, where) for name, table in tables.items()}, listed=True)


def _pool(name: str, table: Any, where: str) -> Pool:
    import msgspec

    place = f"{where}, pool {name}"
    if not isinstance(table, dict):
        raise ConfigException(
            f"{where}: '{name}' is no table. Write:  [{name}]  and below it  weight = 2"
        )
    known = list(Pool.__dataclass_fields__)
    if unknown := sorted(table.keys() - set(known)):
        raise ConfigException(f"{place}: unknown key '{unknown[0]}'. There are {', '.join(known)}")
    try:
        pool = msgspec.convert(table, Pool)
    except msgspec.ValidationError as error:
        raise ConfigException(f"{place}: {error}") from None
    if not 0 < pool.weight < float("inf"):
        raise ConfigException(f"{place}: weight is {pool.weight:g}; it must be above 0")
    if pool.min_maps < 0 or pool.min_reduces < 0:
        raise ConfigException(f"{place}: a minimum share can't be negative")
    if pool.order not in (FAIR, FIFO):
        raise ConfigException(f"{place}: order is '{pool.order}'; it can be '{FAIR}' or '{FIFO}'")
    return pool
