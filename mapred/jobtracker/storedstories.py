"""Stories of jobs in the block store, through its public face."""

import logging
from collections.abc import Sequence

from blockstore import BlockStore
from blockstore.errors import FileAlreadyExistsException, StoreError
from mapred.jobtracker.entries import Entry
from mapred.jobtracker.stories import STORIES_DIRECTORY, encode_story, story_path

log = logging.getLogger(__name__)


class StoredStories:
    """`StoryArchive` on one block store."""

    def __init__(self, namenode: str) -> None:
        self._store = BlockStore(namenode)

    def keep(self, job_id: str, entries: Sequence[Entry]) -> None:
        try:
            # Others read how their jobs went; whose they are is no secret in a job list.
            self._store.mkdir(STORIES_DIRECTORY, mode=0o755)
            with self._store.open(story_path(job_id), "xb") as file:
                file.write(encode_story(entries))
        except FileAlreadyExistsException:
            return
        except (StoreError, OSError) as error:
            log.warning("the story of %s isn't kept: %s", job_id, error)

    def remove(self, job_id: str) -> None:
        try:
            self._store.delete(story_path(job_id), skip_trash=True)
        except (StoreError, OSError) as error:
            log.warning("the story of %s isn't removed: %s", job_id, error)
