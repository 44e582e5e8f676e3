"""The parser's source is the lock's version, and only a file that the lock names is used."""

from pathlib import Path

import valohai_yaml

from tests.parts.parser_source import pinned, sound


def test_the_source_is_of_the_installed_version() -> None:
    version, hashes = pinned()
    assert version == valohai_yaml.__version__
    assert len(hashes) >= 2
    assert all(len(one) == 64 for one in hashes)


def test_a_file_that_the_lock_does_not_name_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "valohai_yaml.tar.gz"
    assert not sound(file)
    file.write_bytes(b"something else")
    assert not sound(file)
