"""How files are cut into splits.

- A file with known places of its bytes (the block store) is cut at block borders, so that
  each split has hosts where it is local; a block larger than a size asked for is cut evenly.
- A file without places is cut evenly into splits of at most the wanted size.
- A compressed file is one split: its middle can't be read without its beginning.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from mapred.formats.compression import is_compressed
from mapred.model import Split
from mapred.storage.port import Extent

# Without another wish: as many splits as keep a dozen workers busy, none so small that
# starting its task costs more than its work, none so large that it doesn't fit a map's buffers.
_SPLITS_WANTED: Final = 16
_SPLIT_BYTES_MIN: Final = 2 * 1024 * 1024
_SPLIT_BYTES_MAX: Final = 32 * 1024 * 1024


def split_bytes_for(total_bytes: int) -> int:
    """A size that depends on the input alone, so that a job's splits are the same anywhere."""
    return max(_SPLIT_BYTES_MIN, min(_SPLIT_BYTES_MAX, -(-total_bytes // _SPLITS_WANTED)))


def cut(
    uri: str, extents: Sequence[Extent], *, split_bytes: int, block_splits: bool, input_format: str
) -> Iterator[Split]:
    """The splits of one file, none of them empty.

    With `block_splits` a block whose hosts are known is one split, whatever its size.
    """
    if is_compressed(uri):
        hosts = extents[0].hosts if extents else ()
        length = sum(extent.length for extent in extents)
        yield Split(uri, 0, length, hosts, input_format)
        return
    for extent in extents:
        whole = block_splits and extent.hosts
        parts = 1 if whole else -(-extent.length // split_bytes)
        for part in range(parts):
            start = extent.length * part // parts
            end = extent.length * (part + 1) // parts
            yield Split(uri, extent.start + start, end - start, extent.hosts, input_format)
