"""Stories of jobs in the block store, through its public face."""

import logging
from collections.abc import Sequence
from typing import Final

from blockstore import BlockStore
from blockstore.errors import StoreError
from mapred.jobtracker.entries import Entry
from mapred.jobtracker.stories import STORIES_DIRECTORY, encode_story, story_path
from mapred.keptlogs import LOGS_DIRECTORY, job_directory

log = logging.getLogger(__name__)

# Half a story isn't under its name.
_UNFINISHED: Final = "._COPYING_"


class StoredStories:
    """`StoryArchive` on one block store."""

    def __init__(self, namenode: str) -> None:
        self._store = BlockStore(namenode)

    def keep(self, job_id: str, entries: Sequence[Entry]) -> None:
        path = story_path(job_id)
        unfinished = path + _UNFINISHED
        try:
            # Others read how their jobs went; whose they are is no secret in a job list.
            self._store.mkdir(STORIES_DIRECTORY, mode=0o755)
            if self._store.exists(path):
                return
            # Of a JobTracker that died in the middle: it may still have the lease.
            if self._store.exists(unfinished):
                self._store.delete(unfinished, skip_trash=True)
            with self._store.open(unfinished, "xb") as file:
                file.write(encode_story(entries))
            self._store.rename(unfinished, path)
        except (StoreError, OSError) as error:
            log.warning("the story of %s isn't kept: %s", job_id, error)

    def remove(self, job_id: str) -> None:
        try:
            self._store.delete(story_path(job_id), skip_trash=True)
            self._remove_logs(job_directory(job_id))
        except (StoreError, OSError) as error:
            log.warning("the story of %s isn't removed: %s", job_id, error)

    def sweep(self, oldest: str) -> None:
        for directory in (STORIES_DIRECTORY, LOGS_DIRECTORY):
            try:
                names = [entry.name for entry in self._store.list(directory)]
            except (StoreError, OSError) as error:
                log.warning("old stories aren't looked for: %s", error)
                continue
            for job_id in {name.partition(".")[0] for name in names}:
                if job_id < oldest:
                    self.remove(job_id)

    def _remove_logs(self, directory: str) -> None:
        """In its owner's name: the JobTracker's user needn't be the superuser."""
        if self._store.exists(directory):
            with BlockStore(
                self._store.address, user=self._store.stat(directory).permission.owner
            ) as theirs:
                theirs.delete(directory, recursive=True, skip_trash=True)
