"""GitHub's description is what is pinned, and nothing else is used."""

import hashlib
from pathlib import Path

import pytest

from tests.parts.github_description import EXAMPLES, OPENAPI, checked, kept


def test_only_the_pinned_file_is_used(tmp_path: Path) -> None:
    file = tmp_path / "package.tgz"
    file.write_bytes(b"content")
    assert checked(file, hashlib.sha256(b"content").hexdigest()) == file
    with pytest.raises(AssertionError, match=r"package\.tgz is not the file that is pinned"):
        checked(file, OPENAPI[2])


def test_what_is_kept_is_named_by_what_it_was_made_from() -> None:
    assert OPENAPI[1] in kept().name
    assert EXAMPLES[1] in kept().name
    assert kept().name == kept().name.lower()
