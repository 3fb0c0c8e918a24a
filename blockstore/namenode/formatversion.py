"""Files of another version are refused by name, not taken for damaged ones.

A magic is eight bytes: what the file is, then the version of its format in digits. Whoever asks
has made sure that the bytes are whole.
"""

from blockstore.errors import ConfigException


def check_version(place: str, data: bytes, magic: bytes) -> None:
    """Raises ConfigException when the file is of this kind, but of another version."""
    kind = magic.rstrip(b"0123456789")
    found = data[: len(magic)]
    if found == magic or not found.startswith(kind) or not found[len(kind) :].isdigit():
        return
    ours, theirs = int(magic[len(kind) :]), int(found[len(kind) :])
    raise ConfigException(
        f"{place} is in format {theirs}, this version of mapred reads format {ours}: start the "
        "version that wrote it. To change versions, copy the files out with that one "
        "(mapred fs get), format a new directory with this one, and copy them in"
    )
