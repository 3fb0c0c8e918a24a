"""Which tasks of a job wait for a slot, found by host and by rack. Those of a level of a chain that
can't begin yet are known here, and not given out.

Order: tasks whose earlier attempts ended badly first (others may wait for them), then by
index. A map stands under every host of its split, and under every rack of those.
"""

from collections.abc import Callable, Iterable, Iterator

from mapred.model import Split


class PendingTasks:
    """Indexes of tasks of one kind; `splits` is empty for reduces."""

    def __init__(self, count: int, splits: tuple[Split, ...] = ()) -> None:
        self._splits = splits
        # Tasks from here on wait for others, and not for a slot; None: there are none such.
        self.open_below: int | None = None
        self._again: dict[int, None] = {}
        self._fresh: dict[int, None] = dict.fromkeys(range(count))
        self._by_host: dict[str, dict[int, None]] = {}
        self._by_rack: dict[str, dict[int, None]] = {}
        for index, split in enumerate(splits):
            for host in split.hosts:
                self._by_host.setdefault(host, {})[index] = None
            for rack in split.racks:
                self._by_rack.setdefault(rack, {})[index] = None

    def __len__(self) -> int:
        if self.open_below is not None:
            return sum(1 for _ in self)
        return len(self._again) + len(self._fresh)

    def __contains__(self, index: int) -> bool:
        return index in self._again or index in self._fresh

    def __iter__(self) -> Iterator[int]:
        yield from self._open(self._again)
        yield from self._open(self._fresh)

    def _open(self, indexes: Iterable[int]) -> Iterable[int]:
        if self.open_below is None:
            return indexes
        return [index for index in indexes if index < self.open_below]

    def again(self) -> Iterator[int]:
        """Those that ran before."""
        yield from self._open(self._again)

    @property
    def plain(self) -> bool:
        """Whether none ran before, and all may begin."""
        return not self._again and self.open_below is None

    def any_at(self, hosts: Iterable[str]) -> bool:
        """Whether the input of any is on one of the hosts."""
        return any(map(self._by_host.get, hosts))

    def first_on(self, rack: str) -> int | None:
        return next(iter(self._by_rack.get(rack, ())), None)

    def hosts(self) -> Iterator[str]:
        """Of all that wait, some of them several times."""
        for index in self:
            yield from self.hosts_of(index)

    def at(self, hosts: Iterable[str]) -> Iterator[int]:
        """Those whose input is on one of the hosts."""
        for host in hosts:
            yield from self._open(self._by_host.get(host, ()))

    def beyond(self, room: Callable[[str], float]) -> Iterator[int]:
        """Of hosts for which more of them wait than there is room, those that come last."""
        for host, indexes in self._by_host.items():
            if len(indexes) > room(host):
                yield from self._open(reversed(list(indexes)))

    def on(self, rack: str) -> Iterator[int]:
        """Those whose input is on the rack."""
        yield from self._open(self._by_rack.get(rack, ()))

    def hosts_of(self, index: int) -> tuple[str, ...]:
        return self._splits[index].hosts if self._splits else ()

    def racks_of(self, index: int) -> tuple[str, ...]:
        return self._splits[index].racks if self._splits else ()

    def remove(self, index: int) -> None:
        self._again.pop(index, None)
        self._fresh.pop(index, None)
        for host in self.hosts_of(index):
            self._by_host[host].pop(index, None)
        for rack in self.racks_of(index):
            self._by_rack[rack].pop(index, None)

    def put_back(self, index: int) -> None:
        self._again[index] = None
        for host in self.hosts_of(index):
            self._by_host[host][index] = None
        for rack in self.racks_of(index):
            self._by_rack[rack][index] = None
