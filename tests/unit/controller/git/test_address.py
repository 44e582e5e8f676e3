"""Addresses of repositories: what is taken, what is refused before anything is opened, what people see."""

from pathlib import Path

import pytest

from controller.git import address as addresses
from controller.git.mirror import Mirror
from schemas.errors import ConfigError

TAKEN = {
    "/srv/git/wine.git": None,
    "wine": None,
    "./-odd": None,
    "file:///srv/git/wine.git": None,
    "https://example.org/wine.git": "example.org",
    "http://127.0.0.1:8080/wine.git": "127.0.0.1:8080",
    "https://ada:secret@Example.org/wine": "example.org",
    "ssh://git@example.org:2222/wine.git": "example.org:2222",
    "git@example.org:team/wine.git": "example.org",
    "example.org:wine": "example.org",
    "git://example.org/wine": "example.org",
}

REFUSED = [
    "",
    "   ",
    "-upload-pack=touch /tmp/x",
    "--help",
    "https://example.org/a\nb",
    "https://example.org%0ahost=evil.example/wine",
    "https://example.org/a\0b",
    "https://example.org/\x1b[2J",
    "ext::sh -c touch%20x",
    "fd::17",
    "https::http://example.org",
    "ftp://example.org/wine",
    "javascript://x",
    "ssh://-oProxyCommand=touch/wine",
    "ssh://%2doProxyCommand=touch/wine",
    "ssh://git@-oProxyCommand=touch/wine",
    "git@-oProxyCommand=touch:wine",
]


@pytest.mark.parametrize("address", TAKEN)
def test_what_git_people_write_is_taken(address: str) -> None:
    assert addresses.check(address) == address
    assert addresses.host(address) == TAKEN[address]
    assert (addresses.folder(address) is None) == (TAKEN[address] is not None)


@pytest.mark.parametrize("address", REFUSED)
def test_options_lines_and_programs_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Mirror(tmp_path / "mirror.git", address)
    assert not list(tmp_path.iterdir())


def test_a_password_is_never_shown() -> None:
    assert addresses.shown("https://ada:secret@example.org/wine") == "https://***@example.org/wine"
    assert addresses.shown("https://ghp_token@example.org/wine") == "https://***@example.org/wine"
    assert addresses.shown("ssh://git@example.org/wine") == "ssh://git@example.org/wine"
    assert addresses.shown("https://ada:secret@[broken/wine") == "https://..."
    with pytest.raises(ConfigError) as refused:
        addresses.check("https://ada:secret@example.org/a\nb")
    assert "secret" not in str(refused.value)


def test_a_path_with_a_colon_is_a_path_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert addresses.folder("here:now") is None
    (tmp_path / "here:now").mkdir()
    assert addresses.folder("here:now") == Path("here:now")


def test_file_addresses_name_folders() -> None:
    assert addresses.folder("file:///srv/my%20wine.git") == Path("/srv/my wine.git")
    assert addresses.folder("file://localhost/srv/wine") == Path("/srv/wine")
    assert addresses.folder("file://elsewhere/srv/wine") is None
    assert addresses.folder("~/wine") == Path.home() / "wine"
