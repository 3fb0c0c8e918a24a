"""A replica, open for reading: its two files, or its place in a pack.

They stay readable when the replica is finalised, moved or deleted meanwhile.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from blockstore import checksum, checksumfile
from blockstore.checksum import CRC_BYTES, chunk_count
from blockstore.compositecrc import combine, compose
from blockstore.datanode.disk import File
from blockstore.datanode.layout import Place
from blockstore.datanode.packs import Packed
from blockstore.datanode.volume import Volume
from blockstore.datastream import Packet, pack_read
from blockstore.errors import ChecksumException
from blockstore.model import Block

# Read at once to verify.
PIECE_BYTES = 1024 * 1024


class StoredFiles:
    """Data with checksums, by chunk. Safe for several threads."""

    def __init__(
        self, volume: Volume, block: Block, chunk_bytes: int, crcs: bytes, data: File
    ) -> None:
        self.block = block
        self._volume = volume
        self.chunk_bytes = chunk_bytes
        self._crcs = crcs
        self._data = data

    @classmethod
    def open(cls, volume: Volume, place: Place, block: Block, crcs: bytes | None) -> "StoredFiles":
        path = volume.crc_path(place, block.id)
        with volume.guard("opening a replica for reading"), _there(block):
            sums = volume.disk.open(path)
            raw = sums.pread(sums.size(), 0)
            sums.close()
        header = checksumfile.unpack_header(raw, path)
        if header.block_id != block.id:
            raise ChecksumException(f"{path} has the checksums of block {header.block_id}")
        if header.generation != block.generation:
            raise ChecksumException(f"{path} is of generation {header.generation}, not {block}'s")
        if crcs is None:
            crcs = raw[checksumfile.HEADER_BYTES :]
        if len(crcs) < chunk_count(block.length, header.chunk_bytes) * CRC_BYTES:
            raise ChecksumException(f"{path} is too short for {block}")
        with volume.guard("opening a replica for reading"), _there(block):
            data = volume.disk.open(volume.data_path(place, block.id))
        return cls(volume, block, header.chunk_bytes, crcs, data)

    @classmethod
    def packed(cls, volume: Volume, block: Block, found: Packed) -> "StoredFiles":
        """Raises ChecksumException, and closes the file, when it isn't that stamp's."""
        if found.block != block:
            found.file.close()
            raise ChecksumException(f"{found.path} has {found.block}, not {block}")
        data = _Window(found.file, found.data_at, block.length)
        return cls(volume, block, found.chunk_bytes, found.crcs, data)

    def run(self, offset: int, length: int) -> tuple[bytes, bytes]:
        """Checksums and data of up to `length` bytes from a chunk border; nothing is verified.

        Raises:
            ChecksumException: the data file is shorter than the replica, or the disk can't
                read these bytes; a bad sector costs a replica, not the volume.
        """
        wanted = self._wanted(offset, length)
        with self._readable(offset):
            data = self._data.pread(wanted, offset)
        self._check_length(offset, len(data), wanted)
        return self._checksums(offset, wanted), data

    def frame(self, offset: int, length: int, seq: int, flags: int) -> bytes:
        """The same as a packet, for the price of one copy less.

        Raises: as `run` does.
        """
        wanted = self._wanted(offset, length)
        packet = Packet(offset, seq, flags, self._checksums(offset, wanted), b"")
        with self._readable(offset):
            frame, read = pack_read(
                packet, wanted, lambda target: self._data.pread_into(target, offset)
            )
        self._check_length(offset, read, wanted)
        return frame

    def promise(self, offset: int, length: int) -> tuple[int, bytes]:
        """How many bytes `send` has from there on, up to `length`, and their checksums.

        Raises:
            ChecksumException: the data file is shorter than the replica.
        """
        wanted = self._wanted(offset, length)
        with self._readable(offset):
            there = self._data.size()
        self._check_length(offset, there - offset, wanted)
        return wanted, self._checksums(offset, wanted)

    def send(self, descriptor: int, offset: int, length: int) -> int:
        """Bytes straight into a socket: how many it took; nothing is verified.

        Raises:
            ChecksumException: as `run` does.
            ConnectionError, BlockingIOError, TimeoutError, OSError: what the socket says.
        """
        try:
            return self._data.send_to(descriptor, length, offset)
        except (ConnectionError, BlockingIOError, TimeoutError):
            raise
        except OSError:
            # It may be the disk's, which says it here, or the network's.
            self.run(offset, length)
            raise

    def _wanted(self, offset: int, length: int) -> int:
        return min(length, self.block.length - offset)

    def _checksums(self, offset: int, length: int) -> bytes:
        first = offset // self.chunk_bytes
        last = first + chunk_count(length, self.chunk_bytes)
        return self._crcs[first * CRC_BYTES : last * CRC_BYTES]

    @contextmanager
    def _readable(self, offset: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._volume.suspected = True
            self._volume.suspects.append(self.block.id)
            raise ChecksumException(
                f"{self.block}: bytes at offset {offset} can't be read: {error.strerror}"
            ) from error

    def _check_length(self, offset: int, read: int, wanted: int) -> None:
        if read < wanted:
            raise ChecksumException(
                f"{self.block}: the data file ends at {offset + read}, not {self.block.length}"
            )

    def verify(self, length: int) -> None:
        """Reads the chunks of the first `length` bytes.

        Raises:
            ChecksumException: one of them is damaged.
        """
        piece = max(1, PIECE_BYTES // self.chunk_bytes) * self.chunk_bytes
        end = chunk_count(length, self.chunk_bytes) * self.chunk_bytes
        for at in range(0, min(end, self.block.length), piece):
            crcs, data = self.run(at, min(piece, end - at))
            checksum.verify(data, crcs, self.chunk_bytes, what=str(self.block), offset=at)

    def checksum(self, length: int) -> int:
        """One CRC32C over the first `length` bytes, composed of the chunks' checksums.

        Reads no data but a chunk that `length` goes through.

        Raises:
            ChecksumException: that chunk is damaged, or the data file is shorter than that.
        """
        if self._data.size() < self.block.length or length > self.block.length:
            raise ChecksumException(
                f"{self.block} has {min(self._data.size(), self.block.length)} bytes here, "
                f"not {max(length, self.block.length)}"
            )
        rest = length % self.chunk_bytes
        if not rest or length == self.block.length:
            return compose(self._crcs, self.chunk_bytes, length)
        start = length - rest
        crcs, data = self.run(start, self.chunk_bytes)
        checksum.verify(data, crcs, self.chunk_bytes, what=str(self.block), offset=start)
        before = compose(self._crcs, self.chunk_bytes, start)
        return combine(before, checksum.crc32c(data[:rest]), rest)

    def close(self) -> None:
        self._data.close()


@contextmanager
def _there(block: Block) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ChecksumException(f"{block}: the file {error.filename} is gone") from None


class _Window:
    """A piece of a file as if it were the file; for reading."""

    def __init__(self, file: File, start: int, length: int) -> None:
        self._file = file
        self._start = start
        self._length = length

    def pread(self, length: int, offset: int) -> bytes:
        return self._file.pread(self._within(length, offset), self._start + offset)

    def pread_into(self, target: memoryview, offset: int) -> int:
        wanted = target[: self._within(len(target), offset)]
        return self._file.pread_into(wanted, self._start + offset)

    def send_to(self, descriptor: int, length: int, offset: int) -> int:
        return self._file.send_to(descriptor, self._within(length, offset), self._start + offset)

    def _within(self, length: int, offset: int) -> int:
        return max(0, min(length, self._length - offset))

    def size(self) -> int:
        return max(0, min(self._length, self._file.size() - self._start))

    def close(self) -> None:
        self._file.close()

    def pwrite(self, data: bytes | memoryview, offset: int) -> None:
        raise _read_only()

    def truncate(self, length: int) -> None:
        raise _read_only()

    def start_writeback(self, offset: int, length: int) -> None:
        raise _read_only()

    def sync(self) -> None:
        raise _read_only()


def _read_only() -> OSError:
    return OSError(errno.EBADF, "a replica in a pack is only read")
