"""A kernel that allows few watches: watchdog's own descriptor, which refuses as inotify_add_watch(2) does."""

import errno

from watchdog.observers.inotify_c import CallbackId, InotifyFD, Mask, WatchCallback, WatchDescriptor


class ScarceInotify(InotifyFD):
    """Allows `left` watches more."""

    def __init__(self, left: int = 0) -> None:
        super().__init__()
        self.left = left

    def add_callback(
        self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId
    ) -> WatchDescriptor:
        if self.left <= 0:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        self.left -= 1
        return super().add_callback(path, mask, callback, id_)
