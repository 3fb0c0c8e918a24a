"""Many small files in few splits, so that starting tasks doesn't cost more than their work.

- Only whole files are combined, and only neighbours in the order of the input: the values of
  a key come to the reducer in the same order as without.
- With at most SPLITS_WANTED splits nothing is combined: a task each is quick then. With more,
  a combined split has at most the size of an ordinary one, and there are about SPLITS_WANTED
  or more of them.
- A combined split is local to the host that has most of its bytes; it ends early, once it is
  half full, before a file that this host doesn't have.
- Each file of it has its own mapper, with `ctx.split` that file: a job can't tell. Formats that
  are told how much a split is to have (nline) are left alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mapred.formats.splits import SPLITS_WANTED
from mapred.model import Split


def combined(
    splits: Sequence[Split], file_bytes: Sequence[int], *, split_bytes: int
) -> list[Split]:
    """The splits with small files put together; `file_bytes`: of every split that of its file."""
    if len(splits) <= SPLITS_WANTED:
        return list(splits)
    small = [
        size <= split_bytes // 2 and split.length == size
        for split, size in zip(splits, file_bytes, strict=True)
    ]
    total = sum(split.length for split, one in zip(splits, small, strict=True) if one)
    target = max(1, min(split_bytes, -(-total // SPLITS_WANTED)))
    return list(_packed(zip(splits, small, strict=True), target))


def _packed(splits: Iterable[tuple[Split, bool]], target: int) -> Iterator[Split]:
    held = _Held()
    for split, small in splits:
        if held.parts and not (small and held.takes(split, target)):
            yield held.split()
            held = _Held()
        if small:
            held.put(split)
        else:
            yield split
    if held.parts:
        yield held.split()


class _Held:
    """Files of one split to be."""

    def __init__(self) -> None:
        self.parts: list[Split] = []
        self._bytes = 0
        self._bytes_on: Counter[str] = Counter()
        self._rack_of: dict[str, str] = {}

    def put(self, split: Split) -> None:
        self.parts.append(split)
        self._bytes += split.length
        self._bytes_on.update(dict.fromkeys(split.hosts, split.length))
        if split.racks:
            self._rack_of.update(zip(split.hosts, split.racks, strict=True))

    def takes(self, split: Split, target: int) -> bool:
        if self._bytes + split.length > target:
            return False
        first = self._hosts()[:1]
        return 2 * self._bytes < target or not first or first[0] in split.hosts

    def split(self) -> Split:
        if len(self.parts) == 1:
            return self.parts[0]
        first, hosts = self.parts[0], self._hosts()
        known = all(host in self._rack_of for host in hosts)
        return Split(
            first.uri,
            0,
            self._bytes,
            hosts,
            first.format,
            first.input,
            tuple(self.parts),
            tuple(self._rack_of[host] for host in hosts) if known else (),
        )

    def _hosts(self) -> tuple[str, ...]:
        """Those that have at least half of it, most first."""
        return tuple(host for host, held in self._bytes_on.most_common() if 2 * held >= self._bytes)
