"""What can go wrong in a job, and whose fault it is.

    MapredError
    ├── refused before anything runs (exit code 2)
    │   ├── JobDefinitionError   no Job, two Jobs, import or syntax error, bad attributes
    │   ├── ParamError           unknown or ill-typed -D
    │   ├── InputError           missing input, unreadable format
    │   └── OutputExistsError    the output directory exists
    ├── the job ended without success (exit code 1)
    │   ├── JobFailedError       a task used up its attempts, or the job can't go on
    │   └── JobKilledError       somebody killed it
    └── the cluster
        ├── NoSuchJobError       the JobTracker doesn't know this id
        ├── NoSuchAttemptError   nor this attempt
        ├── NoSuchTrackerError   nor this tracker
        ├── TrackerStaleError    a tracker or epoch from before a restart
        ├── NotYetError          what was asked for is under way, and held up: ask again
        └── FetchError           a map output can't be had

A message names the thing, the place and the next step.
"""


class MapredError(Exception):
    """Anything the engine raises on purpose."""


class RefusedError(MapredError):
    """The job was refused before anything ran."""


class JobDefinitionError(RefusedError):
    """The job file doesn't define one good Job."""


class ParamError(RefusedError):
    """A parameter is unknown or has a value of the wrong type."""


class InputError(RefusedError):
    """An input is missing or can't be read."""


class OutputExistsError(RefusedError):
    """The output directory exists: nothing is overwritten."""


class JobFailedError(MapredError):
    """The job ran and failed; the message begins with the probable cause."""


class JobKilledError(MapredError):
    """The job was killed."""


class NoSuchJobError(MapredError):
    """No job of this id."""


class NoSuchAttemptError(MapredError):
    """The job has made no attempt of this id."""


class NoSuchTrackerError(MapredError):
    """No tracker of this name."""


class TrackerStaleError(MapredError):
    """A tracker must register again."""


class NotYetError(MapredError):
    """What was asked for is under way and takes unusually long; the message is what it waits for.
    Whoever asks again waits on."""


class FetchError(MapredError):
    """A map output can't be had from where it should be."""
