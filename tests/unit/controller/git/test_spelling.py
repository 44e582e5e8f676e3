"""Two spellings of one repository's address are one repository (threats, row 10); two repositories never are."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.git import address as addresses

HOSTS = st.sampled_from(
    ["git.example.org", "example.org", "10.0.0.7", "bücher.example", "xn--bcher-kva.example"]
)
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
LOGINS = st.sampled_from(["", "git@", "ada:s3cret@", "x-access-token:ghs_1@", "%61da@"])


@st.composite
def spellings(draw: st.DrawFn, host: str, path: str, port: int | None = None) -> str:
    """One of the ways in which people write the repository at `path` of `host`."""
    host = host.upper() if draw(st.booleans()) and host.isascii() else host
    host += "." if draw(st.booleans()) and not host[0].isdigit() else ""
    path = path.title() if draw(st.booleans()) else path
    path = path.replace("/", "//") if draw(st.booleans()) else path
    path = path.replace("-", "%2D") if draw(st.booleans()) else path
    path += draw(st.sampled_from(["", ".git", ".git/", "/", "//", ".GIT"]))
    login = draw(LOGINS)
    if port is None and draw(st.booleans()):
        root = draw(st.sampled_from(["", "/", "~/"]))
        return f"{'git@' if login else ''}{host}:{root}{path.replace('%2D', '-')}"
    scheme, usual = draw(st.sampled_from([("https", 443), ("http", 80), ("ssh", 22), ("git", 9418)]))
    scheme = scheme.upper() if draw(st.booleans()) else scheme
    at = f":{port or usual}" if port or draw(st.booleans()) else ""
    return f"{scheme}://{login}{host}{at}/{path}"


@given(st.data(), HOSTS, PATHS, st.sampled_from([None, 8443]))
def test_threat_10_every_spelling_of_an_address_is_one(
    data: st.DataObject, host: str, path: str, port: int | None
) -> None:
    one, other = (data.draw(spellings(host, path, port)) for _ in range(2))
    assert addresses.spelling(one) == addresses.spelling(other)


@given(st.data(), st.tuples(HOSTS, PATHS), st.tuples(HOSTS, PATHS))
def test_two_repositories_are_never_one(
    data: st.DataObject, one: tuple[str, str], other: tuple[str, str]
) -> None:
    same = [
        (host.replace("bücher", "xn--bcher-kva"), path.removesuffix(".git")) for host, path in (one, other)
    ]
    found = {addresses.spelling(data.draw(spellings(*each))) for each in (one, other)}
    assert len(found) == len(set(same))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/team/wine", "https://example.org:8443/team/wine"),
        ("https://example.org/team/wine", "https://example.org.evil.example/team/wine"),
        ("https://example.org/team/wine", "https://example.org@evil.example/team/wine"),
        ("https://example.org/team/wine", "https://evil.example/example.org/team/wine"),
        ("https://example.org/team/wine", "https://example.org/wine"),
        ("https://example.org/?a", "https://example.org/?b"),
        ("https://[broken/wine", "https://[broken/beer"),
        ("https://example.org:notaport/wine", "https://example.org/wine"),
    ],
)
def test_what_only_looks_alike_is_another(one: str, other: str) -> None:
    assert addresses.spelling(one) != addresses.spelling(other)


def test_a_folder_is_its_true_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "git" / "wine"
    (place / ".git").mkdir(parents=True)
    (tmp_path / "beer").mkdir()
    (tmp_path / "link").symlink_to(place)
    monkeypatch.chdir(tmp_path)
    ways = [
        place,
        f"{place}/",
        f"{place}/.git",
        tmp_path / "link",
        f"file://{place}",
        "git/wine",
        "git/../git/wine",
    ]
    assert len({addresses.spelling(str(way)) for way in ways}) == 1
    assert addresses.spelling("beer") != addresses.spelling("link")
