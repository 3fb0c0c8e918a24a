"""What mappers of batches and blocks are given, and what becomes of what they yield."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import pyarrow as pa

from mapred.columnar import BatchMapper, BlockMapper
from mapred.formats import input_format
from mapred.formats.lines import LineBlocks, line_ends
from mapred.formats.port import RecordBatch, RecordReader
from mapred.formats.tables import COLUMN_ROWS
from mapred.model import Split
from mapred.shuffle.columns import Rows
from mapred.shuffle.fromarrow import rows_from
from mapred.storage import storage_for
from mapred.task.failure import RecordError

_TEXT: Final = "text"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


# Who else has pieces of a split, such as those of the round before; given who reads them.
Keep: TypeAlias = Callable[[Callable[[], RecordReader]], RecordReader]


class ColumnReader:
    """One split, for a mapper of blocks or of batches; `on_piece` is called before each of them."""

    def __init__(
        self,
        mapper: BatchMapper | BlockMapper,
        split: Split,
        on_piece: Callable[["ColumnReader"], None] = lambda _: None,
        keep: Keep = lambda make: make(),
    ) -> None:
        self._mapper = mapper
        self._on_piece = on_piece
        self._split = split
        self._reader = keep(lambda: _Pieces(mapper, split))
        self.records = 0

    @property
    def bytes_read(self) -> int:
        return self._reader.bytes_read

    def counters(self) -> Mapping[str, int]:
        return self._reader.counters()

    def yielded(self) -> Iterator[Any]:
        """What the user's code makes of the pieces of the split."""
        if isinstance(self._mapper, BlockMapper):
            blocks = self._told()
            yield from self._mapper.map_blocks(blocks) or ()
            for _ in blocks:
                raise RecordError(
                    f"{type(self._mapper).__name__}.map_blocks returned before it had taken all "
                    f"blocks of {self._split.uri}: go through them to the end"
                )
        else:
            for batch in self._told():
                yield from self._mapper.map_batch(batch) or ()

    def _told(self) -> Iterator[Any]:
        for counts, pieces in self._reader.batches():
            for records, piece in zip(counts, pieces, strict=True):
                self.records += records
                self._on_piece(self)
                # Whoever changes a list changes it for nobody else.
                yield list(piece) if type(piece) is list else piece


class _Pieces:
    """A split's pieces, as records: (how many records of the input, piece)."""

    def __init__(self, mapper: BatchMapper | BlockMapper, split: Split) -> None:
        self._mapper = mapper
        self._split = split
        storage = storage_for(split.uri)
        self._is_text = split.format == _TEXT
        self._source: Any = (
            LineBlocks(split, storage, mapper.block_bytes)
            if self._is_text and isinstance(mapper, BlockMapper)
            else input_format(split.format).reader(split, storage)
        )

    @property
    def bytes_read(self) -> int:
        return int(self._source.bytes_read)

    def counters(self) -> Mapping[str, int]:
        return {} if isinstance(self._source, LineBlocks) else self._source.counters()

    def batches(self) -> Iterator[RecordBatch]:
        if isinstance(self._mapper, BlockMapper):
            for records, block in self._blocks():
                yield [records], [block]
        else:
            for batch in self._batches():
                yield [batch.num_rows], [batch]

    def _blocks(self) -> Iterator[tuple[int, Any]]:
        if isinstance(self._source, LineBlocks):
            for offset, block in self._source:
                records = line_ends(block) + (not block.endswith(b"\n"))
                yield records, block.removeprefix(_BYTE_ORDER_MARK) if offset == 0 else block
        elif hasattr(self._source, "tables"):
            for _, rows in self._source.tables(COLUMN_ROWS):
                yield len(rows), rows
        else:
            source = self._source
            pieces = source.blocks() if hasattr(source, "blocks") else source.batches()
            for _, values in pieces:
                yield len(values), values

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if hasattr(self._source, "tables"):
            for _, rows in self._source.tables(COLUMN_ROWS):
                yield from rows.to_batches() if isinstance(rows, pa.Table) else [rows]
            return
        if hasattr(self._source, "columns"):
            yield from self._source.columns()
            return
        names = ["offset", "line"] if self._is_text else ["key", "value"]
        for columns in self._source.batches():
            try:
                yield pa.RecordBatch.from_arrays([pa.array(list(one)) for one in columns], names)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise RecordError(
                    f"records of {self._split.uri} don't fit into columns: {error}. "
                    "Let a Mapper read them, or a BlockMapper"
                ) from None


def as_rows(item: Any, what: str) -> Rows:
    """What user code has yielded; `what` names the code.

    Raises:
        RecordError: it is no batch, or its keys or values can't be taken.
    """
    try:
        return rows_from(item)
    except (TypeError, ValueError, OverflowError) as error:
        raise RecordError(f"{what} yielded what can't be taken: {error}") from None
