"""The checkpoint process: `python -m blockstore.namenode.checkpoint DIRECTORY TRANSACTION`.

It makes an image of the given transaction from the newest image and the sealed segments, beside
the running NameNode and without its lock: it only reads what nobody changes any more, and adds
one file. So no request ever waits for a checkpoint, and every checkpoint runs the recovery's
own code. It imports no gRPC.
"""

import os
import sys

from blockstore.errors import JournalCorruptException
from blockstore.namenode.disk import RealDisk
from blockstore.namenode.recovery import checkpoint


def main(arguments: list[str]) -> int:
    directory, through = arguments
    try:
        checkpoint(RealDisk(directory), int(through), unique=os.getpid())
    except (JournalCorruptException, OSError) as error:
        print(f"checkpoint of {directory} at transaction {through}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
