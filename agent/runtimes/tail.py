"""Follows files that another process writes, without polling: inotify (inotify(7)) through the C library."""

import ctypes
import os
import select
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from agent.runtimes.port import Piece, Stream

CHUNK = 256 * 1024
_IN_MODIFY = 0x2
_IN_NONBLOCK = os.O_NONBLOCK
_IN_CLOEXEC = os.O_CLOEXEC


class Bell:
    """A flag that a wait for files can hear: once rung, `descriptor` stays readable."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def ring(self) -> None:
        """Wake all who wait for it."""
        os.eventfd_write(self.descriptor, 1)

    def __del__(self) -> None:
        os.close(self.descriptor)


class Tail:
    """Reads several growing files. `wake` is a file descriptor that ends a wait when it becomes readable."""

    def __init__(self, paths: Mapping[Stream, Path], wake: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._inotify: int = libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
        if self._inotify < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._files: dict[Stream, BinaryIO] = {}
        for stream, path in paths.items():
            libc.inotify_add_watch(self._inotify, os.fsencode(path), _IN_MODIFY)
            self._files[stream] = path.open("rb", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._inotify, select.POLLIN)
        self._poll.register(wake, select.POLLIN)

    def read(self) -> list[Piece]:
        """What has been written since; nothing when there is no more."""
        pieces = ((stream, file.read(CHUNK)) for stream, file in self._files.items())
        return [Piece(stream, data) for stream, data in pieces if data]

    def wait(self) -> None:
        """Until a file has grown or `wake` is readable."""
        self._poll.poll()
        try:
            os.read(self._inotify, 65_536)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Let go of the files."""
        os.close(self._inotify)
        for file in self._files.values():
            file.close()
