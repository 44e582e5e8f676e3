"""The mirror is found in both spellings of apt's sources."""

from pathlib import Path

from tests.parts import debian


def test_deb822_sources_and_lists_are_read(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/main.sources").write_text(
        "Types: deb\n# a note\nURIs: http://mirror.example/debian/\nSuites: here here-updates\n\n"
        "Types: deb-src\nURIs: http://source.example/debian\nSuites: here\n"
    )
    (tmp_path / "sources.list").write_text(
        "# deb http://off.example/debian here main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://list.example/debian there main # a note\n"
    )
    assert list(debian.archives(tmp_path)) == [
        ("http://mirror.example/debian", ["here", "here-updates"]),
        ("http://list.example/debian", ["there"]),
    ]
