"""Records as a few buffers, from which C makes them again: what is alike lies together.

    str                     all of them, joined by line feeds; where they repeat themselves, each
                            once, and its number for each
    int, float, bool        an array of numbers
    tuple, list             a column for each place, where all are as long; else their lengths, and
                            all items as one column
    dict                    a column for each key, where all have the same in the same order; else
                            their lengths, all keys and all values
    small arrays, NumPy's   one array of them all, of which they are views; with their lengths,
    own numbers             where these differ
    Arrow's tables, batches its stream of each: a pickle of some rows has all that their table has
    all else, and mixtures  a pickle, with large buffers (of arrays, of Arrow) beside it

Pickles alone would do. But to make a table's rows of text from one takes longer than to read the
table's text again, and from these columns a fraction of it.
"""

import pickle
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, islice, pairwise
from typing import Any, Final, TypeAlias

import numpy as np

# What to make of which buffers, by their numbers.
Column: TypeAlias = tuple[Any, ...]
Put: TypeAlias = Callable[[Any], int]
Take: TypeAlias = Callable[[int], memoryview]

# A smaller buffer is copied in less time than it is mapped and looked after.
_APART_BYTES_MIN: Final = 4096
# More places than these are taken for a list of items.
_PLACES_MAX: Final = 256
# Whoever holds itself has no end.
_DEPTH_MAX: Final = 6
# So often on average: one object for all is made faster than one for each, and hashed once.
_REPEATED: Final = 4
_JOINED: Final = "\n"
# NumPy's numbers without units.
_PLAIN: Final = "biuf"


class NotKeepableError(ValueError):
    """A value that can't be written down, or not be read again; says why."""


def encoded(items: Sequence[Any], put: Put, depth: int = 0) -> Column:
    """The items as buffers, each given to `put`, which numbers it.

    Raises:
        NotKeepableError: an item can't be pickled.
    """
    kinds = set(map(type, items)) if type(items) in (list, tuple) else set()
    if len(kinds) == 1 and depth < _DEPTH_MAX:
        [kind] = kinds
        encoder = _ENCODERS.get(kind)
        if encoder is None and issubclass(kind, np.generic) and np.dtype(kind).kind in _PLAIN:
            encoder = _numpys_numbers
        if encoder is None and kind.__module__ == "pyarrow.lib":
            encoder = _ARROWS.get(kind.__name__)
        if encoder is not None and (found := encoder(items, put, depth)) is not None:
            return found
    return _pickled(items, put)


def decoded(column: Column, take: Take) -> Any:
    """The items again: in a list, where they were in one."""
    kind, *parts = column
    return _DECODERS[kind](take, *parts)


def _pickled(items: Sequence[Any], put: Put) -> Column:
    apart: list[pickle.PickleBuffer] = []

    def in_band(buffer: pickle.PickleBuffer) -> bool:
        if buffer.raw().nbytes < _APART_BYTES_MIN:
            return True
        apart.append(buffer)
        return False

    try:
        data = pickle.dumps(items, protocol=5, buffer_callback=in_band)
        # Not everything that lets itself be pickled can be made again.
        pickle.loads(data, buffers=apart)
    except Exception as error:
        raise NotKeepableError(f"{type(error).__name__}: {error}") from None
    return "pickle", put(data), tuple(put(buffer.raw()) for buffer in apart)


def _unpickled(take: Take, data: int, apart: tuple[int, ...]) -> Any:
    return pickle.loads(take(data), buffers=map(take, apart))


def _texts(items: Sequence[str], put: Put, depth: int) -> Column | None:
    known = {text: number for number, text in enumerate(dict.fromkeys(items))}
    if _REPEATED * len(known) <= len(items):
        numbers = np.fromiter(map(known.__getitem__, items), np.uint32, len(items))
        return "repeated", put(numbers), encoded(list(known), put, depth + 1)
    text = _JOINED.join(items)
    if text.count(_JOINED) != len(items) - 1:
        return None
    try:
        return "texts", put(text.encode())
    except UnicodeEncodeError:
        return None


def _made_texts(take: Take, text: int) -> list[str]:
    return str(take(text), "utf-8").split(_JOINED)


def _made_repeated(take: Take, numbers: int, texts: Column) -> list[Any]:
    known = decoded(texts, take)
    return list(map(known.__getitem__, np.frombuffer(take(numbers), np.uint32).tolist()))


def _numbers(kind: type) -> Callable[[Sequence[Any], Put, int], Column | None]:
    def encode(items: Sequence[Any], put: Put, _: int) -> Column | None:
        try:
            return "numbers", put(np.array(items, kind)), np.dtype(kind)
        except OverflowError:
            return None

    return encode


def _made_numbers(take: Take, numbers: int, kind: np.dtype[Any]) -> list[Any]:
    found: list[Any] = np.frombuffer(take(numbers), kind).tolist()
    return found


def _nones(items: Sequence[None], _: Put, __: int) -> Column:
    return "nones", len(items)


def _rows(kind: type) -> Callable[[Sequence[Any], Put, int], Column | None]:
    def encode(items: Sequence[Any], put: Put, depth: int) -> Column | None:
        if _are_shared(items):
            return None
        lengths = set(map(len, items))
        if len(lengths) > 1 or not 0 < min(lengths) <= _PLACES_MAX:
            everything = list(chain.from_iterable(items))
            if not everything:
                return None
            own = encoded(list(map(len, items)), put)
            return "ragged", kind, own, encoded(everything, put, depth + 1)
        places = [encoded(place, put, depth + 1) for place in zip(*items, strict=True)]
        return "rows", kind, tuple(places)

    return encode


def _made_rows(take: Take, kind: type, places: tuple[Column, ...]) -> list[Any]:
    rows = zip(*(decoded(place, take) for place in places), strict=True)
    return list(rows) if kind is tuple else list(map(list, rows))


def _made_ragged(take: Take, kind: type, own: Column, items: Column) -> list[Any]:
    everything = decoded(items, take)
    cuts = pairwise(accumulate(decoded(own, take), initial=0))
    if kind is list and type(everything) is list:
        return [everything[start:end] for start, end in cuts]
    return [kind(everything[start:end]) for start, end in cuts]


def _dicts(items: Sequence[dict[Any, Any]], put: Put, depth: int) -> Column | None:
    if _are_shared(items):
        return None
    keys = tuple(items[0])
    if 0 < len(keys) <= _PLACES_MAX and all(tuple(item) == keys for item in items):
        # Keys that are equal, such as 1 and True, may be others.
        if len(set(map(type, chain.from_iterable(items)))) > 1 or type(keys[0]) is not str:
            return None
        values = zip(*(item.values() for item in items), strict=True)
        return "records", keys, tuple(encoded(place, put, depth + 1) for place in values)
    all_keys = list(chain.from_iterable(items))
    if not all_keys:
        return None
    all_values = list(chain.from_iterable(item.values() for item in items))
    own = encoded(list(map(len, items)), put)
    return "dicts", own, encoded(all_keys, put, depth + 1), encoded(all_values, put, depth + 1)


def _made_records(take: Take, keys: tuple[str, ...], places: tuple[Column, ...]) -> list[Any]:
    rows = zip(*(decoded(place, take) for place in places), strict=True)
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _made_dicts(take: Take, own: Column, all_keys: Column, all_values: Column) -> list[Any]:
    keys, values = iter(decoded(all_keys, take)), iter(decoded(all_values, take))
    # The keys end a dict: asked first, they leave the next one's values untouched.
    lengths = decoded(own, take)
    return [dict(zip(islice(keys, length), values, strict=False)) for length in lengths]


def _arrays(items: Sequence[Any], put: Put, _: int) -> Column | None:
    first = items[0]
    if (
        first.dtype.kind not in _PLAIN
        or not first.dtype.isnative
        or not first.ndim
        or max(item.nbytes for item in items) >= _APART_BYTES_MIN
        or len({item.dtype for item in items}) > 1
        # Another order of the same numbers is another order of adding them up.
        or not all(item.flags.c_contiguous for item in items)
        or _are_shared(items)
    ):
        return None
    if len({item.shape for item in items}) == 1:
        return "arrays", put(_raw(np.stack(items))), first.dtype, (len(items), *first.shape)
    if any(item.ndim != 1 for item in items):
        return None
    own = encoded(list(map(len, items)), put)
    return "cut arrays", put(_raw(np.concatenate(items))), first.dtype, own


def _numpys_numbers(items: Sequence[Any], put: Put, _: int) -> Column:
    found = np.array(items)
    return "arrays", put(_raw(found)), found.dtype, found.shape


def _raw(array: Any) -> Any:
    return array.reshape(-1).view(np.uint8)


def _made_arrays(
    take: Take, numbers: int, kind: np.dtype[Any], shape: tuple[int, ...]
) -> list[Any]:
    return list(_array(take, numbers, kind).reshape(shape))


def _made_cut_arrays(take: Take, numbers: int, kind: np.dtype[Any], own: Column) -> list[Any]:
    everything = _array(take, numbers, kind)
    cuts = pairwise(accumulate(decoded(own, take), initial=0))
    return [everything[start:end] for start, end in cuts]


def _array(take: Take, numbers: int, kind: np.dtype[Any]) -> Any:
    data = take(numbers)
    return np.frombuffer(data, kind) if data.nbytes else np.empty(0, kind)


def _tables(name: str) -> Callable[[Sequence[Any], Put, int], Column | None]:
    def encode(items: Sequence[Any], put: Put, _: int) -> Column:
        return name, tuple(put(_stream(item)) for item in items)

    return encode


def _stream(rows: Any) -> Any:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write(rows)
    return sink.getvalue()


def _made_tables(take: Take, streams: tuple[int, ...]) -> list[Any]:
    return [_opened(take(number)).read_all() for number in streams]


def _made_batches(take: Take, streams: tuple[int, ...]) -> list[Any]:
    return [_opened(take(number)).read_next_batch() for number in streams]


def _opened(data: memoryview) -> Any:
    import pyarrow as pa

    return pa.ipc.open_stream(pa.py_buffer(data))


def _are_shared(items: Sequence[Any]) -> bool:
    """Some are one and the same: a pickle has it once."""
    return len(set(map(id, items))) < len(items)


_ENCODERS: Final[dict[type, Callable[[Sequence[Any], Put, int], Column | None]]] = {
    str: _texts,
    int: _numbers(np.int64),
    float: _numbers(np.float64),
    bool: _numbers(np.bool_),
    type(None): _nones,
    tuple: _rows(tuple),
    list: _rows(list),
    dict: _dicts,
    np.ndarray: _arrays,
}

# By name: who has no tables doesn't wait for Arrow.
_ARROWS: Final = {"Table": _tables("tables"), "RecordBatch": _tables("batches")}

_DECODERS: Final[dict[str, Callable[..., Any]]] = {
    "pickle": _unpickled,
    "texts": _made_texts,
    "repeated": _made_repeated,
    "numbers": _made_numbers,
    "nones": lambda _, length: [None] * length,
    "rows": _made_rows,
    "ragged": _made_ragged,
    "records": _made_records,
    "dicts": _made_dicts,
    "arrays": _made_arrays,
    "cut arrays": _made_cut_arrays,
    "tables": _made_tables,
    "batches": _made_batches,
}
