"""Files read as a job reads them: cut into splits, each by its own reader."""

from mapred.formats import check_input, input_format
from mapred.formats.splits import cut
from mapred.storage.local import LocalStorage

STORAGE = LocalStorage()


def splits_of(path, word, split_bytes):
    uri = f"file://{path}"
    return list(cut(uri, STORAGE, split_bytes=split_bytes, input_format=check_input(word)))


def records_by_split(path, word, split_bytes=1 << 30):
    """Of every split its records."""
    found = []
    for split in splits_of(path, word, split_bytes):
        reader = input_format(split.format).reader(split, STORAGE)
        found.append(
            [pair for keys, values in reader.batches() for pair in zip(keys, values, strict=True)]
        )
        assert reader.bytes_read >= 0
    return found


def records(path, word, split_bytes=1 << 30):
    return [pair for split in records_by_split(path, word, split_bytes) for pair in split]


def values(path, word, split_bytes=1 << 30):
    return [value for _, value in records(path, word, split_bytes)]
