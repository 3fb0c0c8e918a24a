import bz2
import gzip
import lzma

import pyarrow as pa
import pytest

from mapred.errors import InputError
from mapred.formats.text import TextReader
from mapred.model import Split
from mapred.storage.local import LocalStorage

LINES = [f"line {number} of some text\n" for number in range(20_000)]
CONTENT = "".join(LINES).encode()


def zstd(data):
    return pa.compress(data, codec="zstd", asbytes=True)


def lz4(data):
    return pa.compress(data, codec="lz4", asbytes=True)


CODECS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
    ".lz4": lz4,
}


def read(path):
    reader = TextReader(Split(f"file://{path}", 0, path.stat().st_size), LocalStorage(), 10_000)
    records = [
        pair for offsets, lines in reader.batches() for pair in zip(offsets, lines, strict=True)
    ]
    return records, reader


@pytest.mark.parametrize("suffix", CODECS)
def test_a_compressed_file_reads_as_its_content(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    path.write_bytes(CODECS[suffix](CONTENT))
    records, reader = read(path)
    assert [line + "\n" for _, line in records] == LINES
    assert [offset for offset, _ in records[:2]] == [0, len(LINES[0])]
    assert 0 < reader.bytes_read <= path.stat().st_size


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_files_written_one_after_the_other_are_one_text(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    path.write_bytes(b"".join(CODECS[suffix](part) for part in (b"a\nb", b"c\n", b"d")))
    assert [line for _, line in read(path)[0]] == ["a", "bc", "d"]


@pytest.mark.parametrize("suffix", CODECS)
def test_a_cut_off_file_is_an_error_that_names_it(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    data = CODECS[suffix](CONTENT)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=f"text{suffix} can't be unpacked past [0-9]+ bytes"):
        read(path)


@pytest.mark.parametrize("suffix", CODECS)
def test_a_file_that_is_not_what_its_name_says_is_an_error_that_names_it(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    path.write_bytes(CONTENT)
    with pytest.raises(InputError, match=f"text{suffix} can't be unpacked"):
        read(path)
