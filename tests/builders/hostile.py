"""Paths and links by which archives and repositories have reached outside, and names that are only odd (shared corpus)."""

ESCAPES: dict[str, bytes] = {
    "parent": b"..",
    "parent-inside": b"a/../../b",
    "dot": b"a/./b",
    "absolute": b"/tmp/luotsi-escaped",
    "double-slash": b"a//b",
    "nul": b"a\0b",
    "git": b".git",
    "git-config": b".git/config",
    "git-cased": b"a/.GiT/hooks/post-checkout",
    "name-too-long": b"a" * 256,
}
"""Nothing may be created for these."""

LINKS: dict[str, bytes] = {
    "to-file": b"file",
    "to-folder": b"folder",
    "to-parent": b"..",
    "far-out": b"../../../../../../etc/passwd",
    "absolute": b"/etc/passwd",
    "device": b"/dev/zero",
    "dangling": b"nowhere",
    "itself": b"itself",
    "not-text": b"caf\xe9\n",
    "long": b"x/" * 200 + b"x",
}
"""Kept as they are, followed by nobody."""

NAMES: dict[str, bytes] = {
    "space": b" ",
    "newline": b"a\nb",
    "escape": b"\x1b[2J",
    "not-utf8": b"caf\xe9",
    "composed": "é".encode(),
    "decomposed": "e\u0301".encode(),
    "lower": b"readme",
    "upper": b"README",
    "option": b"-rf",
    "backslash": b"a\\..\\b",
    "drive": b"C:",
    "shell": b"$(touch x)",
    "dots": b"...",
    "like-git": b".gitmodules",
    "hundred": b"n" * 100,
    "hundred-and-one": b"n" * 101,
    "longest": b"n" * 255,
    "pax": b"PaxHeader",
}
"""Ordinary files, all in one folder."""
