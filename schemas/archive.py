"""The bytes of a snapshot: a tar that only Luotsi writes, so that nothing else needs to be read.

The stored file is zstd (RFC 8878), one or more frames. Inside is a ustar archive (POSIX.1-1988) with pax headers
(POSIX.1-2001) for what ustar cannot say, in exactly one form: every entry has one spelling, and a reader refuses any
other. Entries are sorted by the bytes of their paths; modes are 0644 and 0755; owners are 0 and nameless; all times are
1980-01-01. Regular folders have no entry of their own; a submodule is an empty folder. Two zero blocks end the archive.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from schemas.errors import Refused

VERSION = 1
"""Changes whenever the same commit would give other bytes."""

BLOCK = 512
END = bytes(2 * BLOCK)
TIME = 315_532_800
"""1980-01-01T00:00:00Z, in seconds: the first moment that zip files can hold."""

LARGEST_FILE = 8 * 1024**3 - 1
"""Bytes: what the 11 octal digits of a ustar size can say."""

_LONGEST_NAME = 255
_LONGEST_PATH = 4095
_SHORT = 100
_LARGEST_EXTENDED = 4 * _LONGEST_PATH


class Kind(Enum):
    """The only kinds of entry there are; the value is ustar's type flag."""

    FILE = b"0"
    LINK = b"2"
    FOLDER = b"5"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `path` has no slash at either end; `size` is a file's bytes; `target` a link's text, as it is in git."""

    path: bytes
    kind: Kind = Kind.FILE
    executable: bool = False
    size: int = 0
    target: bytes = b""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one snapshot may hold: entries of any kind, bytes of all files together, and of one.

    A file out of git is in memory whole, and a few packed kilobytes may be as many gigabytes there.
    """

    entries: int = 500_000
    size: int = 64 * 1024**3
    file: int = 256 * 1024**2


def trouble(entry: Entry) -> str | None:
    """Why an entry cannot be in a snapshot, for people; None when it can."""
    if len(entry.path) > _LONGEST_PATH:
        return f"the path {show(entry.path)[:60]}... is longer than {_LONGEST_PATH} bytes"
    for part in entry.path.split(b"/"):
        if part in (b"", b".", b"..") or b"\0" in part:
            return f"the path {show(entry.path)} is absolute, or has an empty, `.` or `..` part or a NUL"
        if len(part) > _LONGEST_NAME:
            return f"a name in {show(entry.path)[:60]}... is longer than {_LONGEST_NAME} bytes"
        if part.lower() == b".git":
            return f"the path {show(entry.path)} goes through `.git`, which git never checks out"
    if entry.kind is Kind.LINK and not (0 < len(entry.target) <= _LONGEST_PATH and b"\0" not in entry.target):
        return f"the symbolic link {show(entry.path)} has a target that no file system takes"
    if entry.size > LARGEST_FILE:
        return f"{show(entry.path)} has {entry.size} bytes; a file in a snapshot has at most {LARGEST_FILE}"
    return None


def show(path: bytes) -> str:
    """A path for people: what is no UTF-8, or no printable character, is escaped."""
    text = path.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def header(entry: Entry) -> bytes:
    """The blocks that stand before an entry's content."""
    name = entry.path + b"/" if entry.kind is Kind.FOLDER else entry.path
    if len(name) <= _SHORT and len(entry.target) <= _SHORT:
        return _block(name, entry, entry.kind.value, entry.size)
    extended = _extended(name, entry.target)
    return b"".join(
        (
            _block(b"PaxHeader", Entry(b""), b"x", len(extended)),
            extended,
            padding(len(extended)),
            _block(name[:_SHORT], entry, entry.kind.value, entry.size),
        )
    )


def padding(size: int) -> bytes:
    """The zeros after `size` bytes of content."""
    return bytes(-size % BLOCK)


def read_entry(read: Callable[[int], bytes]) -> Entry | None:
    """The next entry, of which `read(n)` gives exactly n bytes; None at the end marker's first block.

    Raises `Refused` for anything that `header` would not have written.
    """
    raw = block = read(BLOCK)
    if block == bytes(BLOCK):
        return None
    records: dict[bytes, bytes] = {}
    if block[156:157] == b"x":
        size = _number(block)
        if not 0 < size <= _LARGEST_EXTENDED:
            raise Refused(f"the archive has an extended header of {size} bytes")
        extended = read(size + len(padding(size)))
        records = _records(extended[:size])
        block = read(BLOCK)
        raw += extended + block
    entry = _entry(block, records)
    if header(entry) != raw:
        raise Refused(f"the archive's entry {show(entry.path)} is not spelled as a snapshot's")
    return entry


def _entry(block: bytes, records: dict[bytes, bytes]) -> Entry:
    name = records.get(b"path", block[:_SHORT].rstrip(b"\0"))
    flag = block[156:157]
    kinds = {kind.value: kind for kind in Kind}
    if flag not in kinds:
        what = {b"1": "a hard link", b"3": "a device", b"4": "a device", b"6": "a pipe"}.get(
            flag, "of a strange kind"
        )
        raise Refused(
            f"the archive's entry {show(name)} is {what}: only files, folders and symbolic links are taken"
        )
    entry = Entry(
        name.removesuffix(b"/") if flag == Kind.FOLDER.value else name,
        kinds[flag],
        block[100:108] == b"0000755\0" and flag == Kind.FILE.value,
        _number(block),
        records.get(b"linkpath", block[157 : 157 + _SHORT].rstrip(b"\0")),
    )
    reason = trouble(entry)
    if reason:
        raise Refused(f"in the archive, {reason}")
    return entry


def _number(block: bytes) -> int:
    digits = block[124:135]
    if not digits.isdigit() or max(digits) > ord("7"):
        raise Refused("the archive has a header without a readable size")
    return int(digits, 8)


def _block(name: bytes, entry: Entry, flag: bytes, size: int) -> bytes:
    mode = {Kind.FILE: b"0000644\0", Kind.FOLDER: b"0000755\0", Kind.LINK: b"0000777\0"}[entry.kind]
    before = b"".join(
        (
            name.ljust(_SHORT, b"\0"),
            b"0000755\0" if entry.executable else mode,
            b"0000000\0" * 2,
            b"%011o\0%011o\0" % (size, TIME),
        )
    )
    after = b"".join((flag, entry.target[:_SHORT].ljust(_SHORT, b"\0"), _MAGIC)).ljust(BLOCK - 156, b"\0")
    checksum = sum(before) + sum(after) + 8 * ord(" ")
    return b"".join((before, b"%06o\0 " % checksum, after))


_MAGIC = b"ustar\x0000" + bytes(64) + b"0000000\0" * 2


def _extended(name: bytes, target: bytes) -> bytes:
    records = [b"%s=%s\n" % (key, value) for key, value in ((b"path", name), (b"linkpath", target)) if value]
    try:
        (name + target).decode()
    except UnicodeDecodeError:
        # Else a pax reader may take the values for UTF-8, as the standard says.
        records.insert(0, b"hdrcharset=BINARY\n")
    return b"".join(map(_counted, records))


def _counted(record: bytes) -> bytes:
    """`LENGTH RECORD`, where the length counts its own digits too."""
    length = len(record) + 2
    while len(b"%d %s" % (length, record)) != length:
        length += 1
    return b"%d %s" % (length, record)


def _records(extended: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    while extended:
        digits, space, _ = extended.partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 6 else 0
        key, equals, value = extended[len(digits) + 1 : length].partition(b"=")
        if not (space and equals and value.endswith(b"\n") and length <= len(extended)):
            raise Refused("the archive has an extended header that cannot be read")
        found[key] = value[:-1]
        extended = extended[length:]
    return found
