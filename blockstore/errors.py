"""What can go wrong in the block store, and whose fault it is.

    StoreError (an OSError, so `except OSError` catches all of it)
    ├── the caller's: asking again doesn't help
    │   ├── FileNotFoundException           no such path
    │   ├── FileAlreadyExistsException      the path is taken
    │   ├── ParentNotDirectoryException     a file stands where a directory is needed
    │   ├── IsADirectoryException           a directory stands where a file is needed
    │   ├── PathIsNotEmptyDirectoryException  delete without recursive
    │   ├── InvalidPathException            not absolute, "..", empty names, rename below itself
    │   ├── InvalidRequestException         a value out of range
    │   ├── AlreadyBeingCreatedException    another writer holds the lease
    │   ├── LeaseExpiredException           this writer's lease was taken away
    │   ├── AccessControlException          wrong or missing cluster secret
    │   └── ConfigException                 a daemon's options contradict each other
    ├── the cluster's state: later it may work
    │   ├── SafeModeException               the NameNode doesn't change anything yet
    │   │   └── ManualSafeModeException     … until an administrator lets it
    │   ├── PlacementException              no DataNode could take a block
    │   ├── UnreachableException            nobody answers at that address in time
    │   ├── NotReadyException               a step before isn't finished (block not complete yet)
    │   └── StaleEpochException             an order or report from before a restart
    └── the data's
        ├── ReplicaNotFoundException        this DataNode has no such replica
        ├── ChecksumException               bytes don't match their checksum
        ├── EOFException                    the file was cut while it was being read
        ├── BlockMissingException           no replica of a block can be read
        └── JournalCorruptException         a record in the middle of the journal is damaged

Names are HDFS's where it has one. A message names the thing, the place and the next step.
"""


class StoreError(OSError):
    """Anything the block store raises on purpose."""


class FileNotFoundException(StoreError, FileNotFoundError):
    """No such file or directory."""


class FileAlreadyExistsException(StoreError, FileExistsError):
    """The path exists and may not be replaced."""


class ParentNotDirectoryException(StoreError, NotADirectoryError):
    """A file stands where a directory is needed."""


class IsADirectoryException(StoreError, IsADirectoryError):
    """A directory stands where a file is needed."""


class PathIsNotEmptyDirectoryException(StoreError):
    """Delete or overwrite of a directory that has entries, without `recursive`."""


class InvalidPathException(StoreError, ValueError):
    """The path can't name anything, or the rename can't be."""


class InvalidRequestException(StoreError, ValueError):
    """A value is out of its range."""


class AlreadyBeingCreatedException(StoreError):
    """Another writer holds the file's lease."""


class LeaseExpiredException(StoreError):
    """The lease of this writer is gone: the file was deleted, recovered, or taken over."""


class AccessControlException(StoreError, PermissionError):
    """The cluster secret is wrong or missing."""


class ConfigException(StoreError, ValueError):
    """Options of a daemon are unknown, ill-typed, or contradict each other."""


class SafeModeException(StoreError):
    """The NameNode is in safe mode: reads work, changes don't."""


class ManualSafeModeException(SafeModeException):
    """An administrator entered safe mode: waiting alone doesn't end it."""


class PlacementException(StoreError):
    """No DataNode could take a block; the message has every node's reason."""


class UnreachableException(StoreError, ConnectionError):
    """Nobody answered at an address before the deadline."""


class NotReadyException(StoreError):
    """Something that must finish first hasn't; ask again."""


class StaleEpochException(StoreError):
    """Said by or to somebody from before a restart: register again."""


class ReplicaNotFoundException(StoreError):
    """This DataNode has no such replica, or one of another generation."""


class ChecksumException(StoreError):
    """Bytes don't match their checksum."""


class EOFException(StoreError, EOFError):
    """The file ends before the place where its reader is: it was cut meanwhile."""


class BlockMissingException(StoreError):
    """No replica of a block can be read; the message has the nodes that last held it."""


class JournalCorruptException(StoreError):
    """A record in the middle of the journal, or an image, is damaged."""
