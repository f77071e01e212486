"""The right to run a call: worker process and driver may both want it, and the kernel decides.

A worker is sent its next call while it still runs one, so that it need not wait for it. Until it
is free the driver may want that call back, for another worker that is free already. So a right is
granted with each call: a number in a pipe from which both can read, and only one gets it.
"""

from __future__ import annotations

import os
import struct
import threading

NUMBER = struct.Struct("<Q")


class Rights:
    """The rights to the calls of one worker process, as one of the two sides has them.

    Parameters
    ----------
    read_end : int
        File descriptor of the pipe's end that both sides have; -1 where there can be none. Then
        all rights are the worker's.
    write_end : int
        Of the end that the driver has; -1 in the worker.
    """

    def __init__(self, read_end: int, write_end: int = -1) -> None:
        self.read_end, self._write_end = read_end, write_end
        self._n_granted, self._last = 0, bytearray(NUMBER.size)
        self._closed = False
        self._lock = threading.RLock()  # a signal may come while it is held

    @classmethod
    def of_driver(cls) -> Rights:
        """Make the driver's side; the worker gets its `read_end`."""
        if os.name != "posix":  # descriptors cannot be handed on
            return cls(-1)
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        return cls(read_end, write_end)

    def grant(self) -> None:
        """Grant the right to the next call, which is sent after this."""
        self._n_granted += 1
        if self._write_end >= 0:
            os.write(self._write_end, NUMBER.pack(self._n_granted))

    def take_back(self) -> bool:
        """Take the right to the last call, for the driver; say whether the worker had left it."""
        with self._lock:
            return self._closed or (self.read_end >= 0 and self._take(self._n_granted))

    def take(self, number: int) -> bool:
        """Take the right to a call, for the worker, which counts them from 1; or it is gone."""
        return self.read_end < 0 or self._take(number)

    def close(self) -> None:
        """Close the driver's side, as the worker has gone: it runs nothing any more."""
        with self._lock:
            if not self._closed and self.read_end >= 0:
                os.close(self.read_end)
                os.close(self._write_end)
            self._closed = True

    def _take(self, number: int) -> bool:
        """Read up to this number. A later one is kept: its call is still to come."""
        while self._read < number:
            try:
                n_bytes = os.readv(self.read_end, [self._last])  # noted even if Ctrl-C comes next
            except BlockingIOError:
                return False
            if n_bytes < NUMBER.size:  # the driver has gone
                return False
        return self._read == number

    @property
    def _read(self) -> int:
        (number,) = NUMBER.unpack(self._last)
        return int(number)
