"""The tracker's way to its JobTracker over gRPC (the port of mapred/tracking.py)."""

import contextlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import grpc

from blockstore.runtime import rpc
from mapred import trackercodec, wireerrors
from mapred.tracking import Heartbeat, HeartbeatReply, Registered, Registration
from mapred.wire import jobtracker_pb2_grpc

Answer = TypeVar("Answer")

wireerrors.register()

# A registration may carry thousands of held outputs, and waits for the history.
REGISTER_TIMEOUT_S: Final = 20.0
# A heartbeat is held for the JobTracker's interval; beyond that and this it is lost.
HEARTBEAT_SLACK_S: Final = 10.0


class RemoteJobTracker:
    """Thread-safe. Replies come on gRPC's threads."""

    def __init__(self, address: str, *, secret: str | None) -> None:
        self._name = f"JobTracker at {address}"
        self._channel = rpc.channel(address, secret=secret)
        self._stub: Any = jobtracker_pb2_grpc.TrackerProtocolStub(self._channel)
        self._interval_s = 1.0

    def register(
        self, registration: Registration, reply: Callable[[Registered | Exception], None]
    ) -> None:
        def keep_interval(answer: Registered | Exception) -> None:
            if isinstance(answer, Registered):
                self._interval_s = answer.heartbeat_interval_s
            reply(answer)

        request = trackercodec.registration_to_wire(registration)
        call = self._stub.Register.future(request, timeout=REGISTER_TIMEOUT_S)
        self._when_done(call, trackercodec.registered_from_wire, keep_interval)

    def heartbeat(
        self, heartbeat: Heartbeat, reply: Callable[[HeartbeatReply | Exception], None]
    ) -> None:
        request = trackercodec.heartbeat_to_wire(heartbeat)
        call = self._stub.Heartbeat.future(request, timeout=self._interval_s + HEARTBEAT_SLACK_S)
        self._when_done(call, trackercodec.reply_from_wire, reply)

    def _when_done(
        self,
        call: Any,
        decode: Callable[[Any], Answer],
        reply: Callable[[Answer | Exception], None],
    ) -> None:
        def done(finished: Any) -> None:
            try:
                answer: Answer | Exception = decode(finished.result())
            except grpc.RpcError as error:
                answer = rpc.translate(error, self._name)
            except (grpc.FutureCancelledError, ValueError) as error:
                answer = ConnectionError(f"{self._name}: {error}")
            reply(answer)

        call.add_done_callback(done)

    def close(self) -> None:
        with contextlib.suppress(ValueError):
            self._channel.close()
