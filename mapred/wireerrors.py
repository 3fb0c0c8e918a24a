"""The engine's errors, for the one table of errors that cross the wire (runtime/rpc.py)."""

from grpc import StatusCode

from blockstore.runtime.rpc import register_errors
from mapred import errors


def register() -> None:
    """For whoever serves or calls the engine over gRPC; may be called again."""
    register_errors(
        {
            errors.MapredError: StatusCode.UNKNOWN,
            errors.RefusedError: StatusCode.FAILED_PRECONDITION,
            errors.JobDefinitionError: StatusCode.INVALID_ARGUMENT,
            errors.ParamError: StatusCode.INVALID_ARGUMENT,
            errors.InputError: StatusCode.NOT_FOUND,
            errors.OutputExistsError: StatusCode.ALREADY_EXISTS,
            errors.JobFailedError: StatusCode.ABORTED,
            errors.JobKilledError: StatusCode.ABORTED,
            errors.NoSuchJobError: StatusCode.NOT_FOUND,
            errors.NoSuchAttemptError: StatusCode.NOT_FOUND,
            errors.NoSuchTrackerError: StatusCode.NOT_FOUND,
            errors.TrackerStaleError: StatusCode.FAILED_PRECONDITION,
            errors.NotYetError: StatusCode.UNAVAILABLE,
            errors.FetchError: StatusCode.UNAVAILABLE,
        }
    )
