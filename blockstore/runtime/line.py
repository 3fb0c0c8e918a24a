"""A connection between two processes of which every wait has an end that the kernel keeps.

Python's own timeouts ask the kernel once more before each call, and take what has come in pieces.

- TimeoutError: the other side has sent, or taken, nothing for as long as patience goes; or its
  kernel, which answers for a process that is busy or stopped, too, hasn't answered ours for some
  seconds: then nothing gets through between the two, and patience would be in vain.
- ConnectionError: the other side ended the connection, or it broke.
"""

import math
import select
import socket
import struct
from contextlib import suppress
from typing import Final

_TIMEVAL: Final = struct.Struct("ll")
# How often who waits looks whether anything gets through.
_LOOK_S: Final = 1.0
# What was sent has been sent again so often, in vain: on a fast network that takes 3 s.
_RETRANSMITS_MAX: Final = 4
# Where it stands in the kernel's struct tcp_info.
_RETRANSMITS_AT: Final = 2
# A connection on which nothing is to be answered is probed after so many seconds, so often, and
# given up when the other kernel hasn't answered for so long.
_PROBED_AFTER_S: Final = 2
_PROBED_EVERY_S: Final = 1
_GIVEN_UP_AFTER_S: Final = 6.0


class Line:
    """For one thread at a time that sends, and one that receives; `end` may be called by any."""

    def __init__(self, connected: socket.socket, patience_s: float) -> None:
        connected.setblocking(True)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A machine that vanished is noticed while somebody waits for it, too.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBED_AFTER_S)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBED_EVERY_S)
        self._socket = connected
        self.give_up_after(_GIVEN_UP_AFTER_S)
        self._patience_s = 0.0
        # How often the kernel ends a wait of who receives, so that he looks around.
        self._looks = 1
        self.be_patient(patience_s)

    def be_patient(self, seconds: float) -> None:
        """How long the other side may be silent from now on."""
        if seconds == self._patience_s:
            return
        self._looks = max(1, math.ceil(seconds / _LOOK_S))
        for direction, limit_s in (
            (socket.SO_RCVTIMEO, seconds / self._looks),
            (socket.SO_SNDTIMEO, seconds),
        ):
            limit = _TIMEVAL.pack(int(limit_s), max(1, int(limit_s % 1 * 1_000_000)))
            self._socket.setsockopt(socket.SOL_SOCKET, direction, limit)
        self._patience_s = seconds

    def give_up_after(self, seconds: float) -> None:
        """How long nothing may get through between the two kernels, while nobody sends."""
        probes = max(1, round((seconds - _PROBED_AFTER_S) / _PROBED_EVERY_S))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)

    @property
    def patience_s(self) -> float:
        return self._patience_s

    @property
    def descriptor(self) -> int:
        return self._socket.fileno()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come, not even the connection's end."""
        return not self.is_heard_within(0.0)

    def is_heard_within(self, seconds: float) -> bool:
        """Waits until something has come, if only the connection's end."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def receive(self, length: int) -> bytes:
        got = bytearray(length)
        self.receive_into(memoryview(got))
        return bytes(got)

    def receive_into(self, target: memoryview) -> None:
        """Fills `target`."""
        looks = 0
        while len(target):
            try:
                count = self._socket.recv_into(target, 0, socket.MSG_WAITALL)
            except BlockingIOError:
                looks += 1
                self._go_on_waiting(looks)
                continue
            if not count:
                raise ConnectionResetError("the other side ended the connection")
            target = target[count:]
            looks = 0

    def receive_some(self, most: int) -> bytes:
        """What has come, at least a byte."""
        looks = 0
        while True:
            try:
                got = self._socket.recv(most)
            except BlockingIOError:
                looks += 1
                self._go_on_waiting(looks)
                continue
            if not got:
                raise ConnectionResetError("the other side ended the connection")
            return got

    def send(self, *parts: bytes, more: bool = False) -> None:
        """`more` follows at once: the kernel may wait for it."""
        left = memoryview(b"".join(parts))
        while len(left):
            try:
                count = self._socket.send(left, socket.MSG_MORE if more else 0)
            except BlockingIOError:
                raise self._silence("taken") from None
            left = left[count:]

    def send_parts(self, head: bytes, body: bytes | memoryview) -> None:
        """One behind the other, without putting them together."""
        try:
            count = self._socket.sendmsg((head, body))
        except BlockingIOError:
            raise self._silence("taken") from None
        if count < len(head):
            self.send(head[count:])
            count = len(head)
        left = memoryview(body)[count - len(head) :]
        while len(left):
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                raise self._silence("taken") from None

    def send_at_once(self, data: bytes) -> int:
        """What the kernel takes without waiting: how many bytes."""
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def end(self) -> None:
        """Who waits for the other side is told that it has ended the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def hear_no_more(self) -> None:
        """As `end`, for who receives; what is being sent goes on."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def say_no_more(self) -> None:
        """The other side hears the end behind what was sent; what it sends still comes."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    @property
    def is_cut(self) -> bool:
        """Whether the other kernel doesn't answer, though there is something to answer."""
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RETRANSMITS_AT + 1)
        return info[_RETRANSMITS_AT] >= _RETRANSMITS_MAX

    def _go_on_waiting(self, looks: int) -> None:
        """Raises TimeoutError when that would be in vain, after so many looks in silence."""
        if looks >= self._looks:
            raise self._silence("sent")
        if self.is_cut:
            raise TimeoutError("nothing gets through to the other side")

    def _silence(self, what: str) -> TimeoutError:
        return TimeoutError(f"the other side has {what} nothing for {self._patience_s:g} s")


def greeted(host: str, port: int, patience_s: float, greeting_bytes: int) -> tuple[Line, bytes]:
    """A connection, and what the other side says first on it.

    Raises:
        OSError: nobody listens there, or says so much within `patience_s`.
    """
    connected = socket.create_connection((host.strip("[]"), port), patience_s)
    try:
        line = Line(connected, patience_s)
        return line, line.receive(greeting_bytes)
    except BaseException:
        connected.close()
        raise
