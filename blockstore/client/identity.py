"""Who a client is, and which permissions its new files and directories get."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from blockstore.errors import ConfigException
from blockstore.runtime.identity import this_user

UMASK_VARIABLE: Final = "MAPRED_UMASK"
# Hadoop's: others may read, only the owner may write.
UMASK: Final = 0o022


@dataclass(frozen=True, slots=True)
class Identity:
    """`umask`: the permission bits that a new inode doesn't get unless its mode is given."""

    user: str
    umask: int = UMASK

    @property
    def file_mode(self) -> int:
        return 0o666 & ~self.umask

    @property
    def directory_mode(self) -> int:
        return 0o777 & ~self.umask


def identity(user: str | None = None, environment: Mapping[str, str] = os.environ) -> Identity:
    """This user, else MAPRED_USER, else who runs the process; MAPRED_UMASK, else 022.

    Raises:
        ConfigException: the umask is no octal number of up to three digits.
    """
    word = environment.get(UMASK_VARIABLE, "")
    try:
        umask = int(word, 8) if word else UMASK
    except ValueError:
        umask = -1
    if not 0 <= umask <= 0o777:
        raise ConfigException(f"{UMASK_VARIABLE}='{word}' is no umask: octal digits such as 027")
    return Identity(user or this_user(environment), umask)
