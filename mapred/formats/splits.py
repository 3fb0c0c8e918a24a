"""How files are cut into splits.

- A file is cut at the borders of its blocks, so that each split has hosts where it is local, and
  blocks evenly into splits of at most the wanted size. A file without places is one block.
- A format that can't be cut anywhere says itself where (`pieces`); a split's hosts are those
  of the block that has most of it.
- A file that is to be left whole is one split, local where most of it is.
- A compressed file is one split: its middle can't be read without its beginning.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from mapred.formats import cut_anywhere, input_format
from mapred.formats.compression import is_compressed
from mapred.formats.port import CutByFormat
from mapred.model import Split
from mapred.storage.port import Extent, Storage

# Without another wish: as many splits as keep a dozen workers busy, none so small that
# starting its task costs more than its work, none so large that it doesn't fit a map's buffers.
# A store's block is larger: as one split it would be spilled in parts, and written twice.
SPLITS_WANTED: Final = 16
# From here on splits grow: what a JobTracker keeps of a task must not become the job's size.
_SPLITS_MAX: Final = 4096
_SPLIT_BYTES_MIN: Final = 2 * 1024 * 1024
_SPLIT_BYTES_MAX: Final = 32 * 1024 * 1024
# Where columns fold into a table of keys a task is quick, its table is no larger for a larger
# split, and each split has most of the keys again.
_FOLDED_SPLITS_WANTED: Final = 8
_FOLDED_SPLIT_BYTES_MAX: Final = 64 * 1024 * 1024
_NOWHERE: Final = Extent(0, 0, ())


def split_bytes_for(total_bytes: int, *, folds: bool = False) -> int:
    """A size that depends on the input and the job alone, so that its splits are the same anywhere;
    `folds`: the job's mapper and reducer give sums or the like on columns."""
    even = -(-total_bytes // (_FOLDED_SPLITS_WANTED if folds else SPLITS_WANTED))
    most = _FOLDED_SPLIT_BYTES_MAX if folds else _SPLIT_BYTES_MAX
    return max(_SPLIT_BYTES_MIN, min(most, even), -(-total_bytes // _SPLITS_MAX))


def even_pieces(length: int, piece_bytes: int) -> list[tuple[int, int]]:
    """(start, length) of parts that are as good as equal, none of them over `piece_bytes`."""
    if not length:
        return []
    parts = -(-length // piece_bytes)
    places = [length * part // parts for part in range(parts + 1)]
    return [(start, end - start) for start, end in pairwise(places)]


def cut(
    uri: str, storage: Storage, *, split_bytes: int, input_format: str, whole: bool = False
) -> Iterator[Split]:
    """The splits of one file, none of them empty; `whole`: one.

    Raises:
        InputError: the format says where to cut, and can't read the file.
    """
    extents = storage.extents(uri)
    length = sum(extent.length for extent in extents)
    if whole or is_compressed(uri):
        yield _at(_place(extents, 0, length), uri, 0, length, input_format)
    elif own := _cut_by_format(input_format):
        for start, size in own.pieces(uri, length, storage, split_bytes):
            yield _at(_place(extents, start, size), uri, start, size, input_format)
    else:
        for extent in extents:
            for start, part in even_pieces(extent.length, split_bytes):
                yield _at(extent, uri, extent.start + start, part, input_format)


def _cut_by_format(word: str) -> CutByFormat | None:
    if cut_anywhere(word):
        return None
    form = input_format(word)
    return form if isinstance(form, CutByFormat) else None


def _at(place: Extent, uri: str, start: int, length: int, input_format: str) -> Split:
    return Split(uri, start, length, place.hosts, input_format, racks=place.racks)


def _place(extents: Sequence[Extent], start: int, length: int) -> Extent:
    """The extent that has most of the bytes; the first one of several."""

    def shared(extent: Extent) -> int:
        return min(start + length, extent.start + extent.length) - max(start, extent.start)

    return max(extents, key=shared, default=_NOWHERE)
