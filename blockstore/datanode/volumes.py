"""The volumes of one DataNode: which of them are used, which one a new replica gets, and what
the NameNode hears of them.

Rules
- A directory that can't be opened, or that was this node's volume and has lost its VERSION file,
  is told and not used; the node goes on with the others. Without any it doesn't start.
- A volume whose directory lost its VERSION file may be a disk that isn't mounted: taken for a
  new one, its mount point would fill. A file `new-volume` in it says that the disk was replaced.
- A full volume takes no new replicas until it has room again; what it has stays readable.
"""

import logging
from collections.abc import Iterable, Iterator

from blockstore.datanode import identity
from blockstore.datanode.disk import Disk
from blockstore.datanode.volume import Volume, VolumeFailure
from blockstore.errors import ConfigException, StoreError
from blockstore.model import NodeLoad, VolumeReport

log = logging.getLogger(__name__)


class Volumes:
    """In the order in which they were given."""

    def __init__(self, disk: Disk, paths: Iterable[str], reserved_bytes: int) -> None:
        """Locks the directories.

        Raises:
            ConfigException: another DataNode uses one of them, or none can be used.
        """
        self.opened: list[Volume] = []
        # Directories that can't be used, with the reason.
        self._unopened: dict[str, str] = {}
        paths = list(paths)
        known = identity.known_volumes(disk, paths)
        for path in paths:
            why = identity.why_vanished(disk, path) if path in known else ""
            if why:
                self._leave_out(path, why)
            else:
                self._open(disk, path, reserved_bytes)
        if not self.opened:
            raise ConfigException(f"no storage directory can be used ({self.reasons()})")

    def _open(self, disk: Disk, path: str, reserved_bytes: int) -> None:
        try:
            self.opened.append(Volume(disk, path, reserved_bytes))
        except BlockingIOError:
            self.close()
            raise ConfigException(
                f"another DataNode uses {path}: stop it first, or give another --dir"
            ) from None
        except OSError as error:
            self._leave_out(path, error.strerror or str(error))

    def _leave_out(self, path: str, why: str) -> None:
        log.error("volume %s can't be used: %s", path, why)
        self._unopened[path] = why

    def __iter__(self) -> Iterator[Volume]:
        return iter(self.opened)

    @property
    def usable(self) -> list[Volume]:
        return [volume for volume in self.opened if volume.failure is None]

    def reasons(self) -> str:
        """Why volumes aren't used, in words."""
        return "; ".join(f"{path}: {why}" for path, why in self.failures())

    def failures(self) -> list[tuple[str, str]]:
        failed = [(v.path, v.failure) for v in self.opened if v.failure is not None]
        return [*self._unopened.items(), *failed]

    def with_room(self) -> list[Volume]:
        """Those that can take a replica, the roomiest first.

        Raises:
            StoreError: there is none; says of each why.
        """
        found: list[tuple[int, Volume]] = []
        refusals: list[str] = []
        for volume in self.usable:
            try:
                room = volume.room()
            except VolumeFailure:
                continue
            except StoreError as error:
                refusals.append(str(error))
                continue
            if room > 0:
                found.append((room, volume))
            else:
                refusals.append(f"volume {volume.path}: {volume.full_words()}")
        if not found:
            raise self.no_room(refusals)
        return [volume for _, volume in sorted(found, key=lambda pair: -pair[0])]

    def no_room(self, refusals: Iterable[str]) -> StoreError:
        words = "; ".join(filter(None, [*refusals, self.reasons()]))
        return StoreError(f"no volume of this DataNode has room: {words}")

    def load(self, streams: int) -> NodeLoad:
        """Capacity, use and failures, for the heartbeat."""
        reports = [VolumeReport(path, "failed", why) for path, why in self._unopened.items()]
        reports += [volume.report() for volume in self.opened]
        used = [report for report in reports if report.state != "failed"]
        return NodeLoad(
            sum(report.capacity_bytes for report in used),
            sum(report.used_bytes for report in used),
            sum(report.free_bytes for report in used),
            streams,
            tuple(f"{path}: {why}" for path, why in self.failures()),
            tuple(reports),
        )

    def close(self) -> None:
        for volume in self.opened:
            volume.close()
