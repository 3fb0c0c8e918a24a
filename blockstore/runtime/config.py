"""Settings of daemons and clients: typed dataclasses, filled from `name=value` words.

Order of precedence: the command's option, the environment, the default.
"""

import getpass
import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, TypeVar

from blockstore.errors import ConfigException

NAMENODE_PORT: Final = 8020
DATANODE_PORT: Final = 9866
NAMENODE_VARIABLE: Final = "MAPRED_NAMENODE"
JOBTRACKER_VARIABLE: Final = "MAPRED_JOBTRACKER"
SECRET_VARIABLE: Final = "MAPRED_SECRET"
SECRET_FILE_VARIABLE: Final = "MAPRED_SECRET_FILE"

Settings = TypeVar("Settings")


def settings(kind: type[Settings], words: Iterable[str]) -> Settings:
    """A `kind` (a dataclass) from words such as "heartbeat_interval_s=0.5".

    Raises:
        ConfigException: unknown name, missing "=", or a value of the wrong type;
            the message lists the names that there are.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in known:
            wrong = f"'{word}' is not name=value" if not equals else f"unknown setting '{name}'"
            listing = "\n  ".join(
                f"{field.name} (default {field.default})"
                for field in known.values()
                if field.default is not MISSING
            )
            raise ConfigException(f"{wrong}. The settings are:\n  {listing}")
        values[name] = value
    # Here, because every client reads this module and only daemons have settings.
    import msgspec

    try:
        return msgspec.convert(values, kind, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigException(f"settings {' '.join(words)}: {error}") from None


def os_user() -> str:
    """Who runs this process; the number where there's no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def cluster_secret(environment: Mapping[str, str] = os.environ) -> str | None:
    """The shared secret of MAPRED_SECRET, or of the file that MAPRED_SECRET_FILE names.

    Raises:
        ConfigException: the file can't be read or is empty.
    """
    if secret := environment.get(SECRET_VARIABLE):
        return secret
    path = environment.get(SECRET_FILE_VARIABLE)
    if not path:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            secret = file.read().strip()
    except OSError as error:
        raise ConfigException(f"{SECRET_FILE_VARIABLE}={path}: {error.strerror}") from None
    if not secret:
        raise ConfigException(f"{SECRET_FILE_VARIABLE}={path}: the file is empty")
    return secret


def parse_address(text: str, default_port: int) -> tuple[str, int]:
    """Host and port of "host:port" or "host".

    Raises:
        ConfigException: the port is no number in 0..65535, or the host is missing.
    """
    host, colon, port_text = text.rpartition(":")
    if not colon:
        host, port_text = text, str(default_port)
    host = host.strip("[]")
    if not host or not port_text.isdecimal() or int(port_text) > 65535:
        raise ConfigException(
            f"'{text}' is not an address: give HOST:PORT, such as 127.0.0.1:{default_port}"
        )
    return host, int(port_text)


def checked_rack(rack: str) -> str:
    """The rack, if it is a path such as `/room-2/rack-7`.

    Raises:
        ConfigException: it isn't.
    """
    names = rack.split("/")
    if len(names) < 2 or names[0] or not all(names[1:]) or any(c.isspace() for c in rack):
        raise ConfigException(
            f"'{rack}' names no rack: it is a path such as /rack-7 or /room-2/rack-7"
        )
    return rack
