"""One repository is one row, whatever it is called and however its address is written; SQLite and PostgreSQL alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from ledger import repositories
from ledger.database import Ledger
from ledger.repositories import AtForge
from schemas.errors import ConfigError

NOW = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
WINE = "https://git.example.org/team/wine"


def ensure(
    connection: Connection,
    name: str,
    address: str = WINE,
    at: AtForge = repositories.PLAIN_GIT,
    roots: tuple[str, ...] = ("",),
    spelling: str = "git.example.org/team/wine",
) -> str:
    at = replace(at, spelling=spelling)
    return repositories.ensure(connection, name, address, "main", NOW, roots, at)


def only(connection: Connection, name: str) -> None:
    repositories.retire(connection, {name}, NOW)


def test_a_second_name_for_the_same_address_is_refused_with_both_names(ledger: Ledger) -> None:
    with ledger.write() as connection:
        ensure(connection, "wine")
    with pytest.raises(ConfigError, match="of beer is that of wine") as refused, ledger.write() as connection:
        ensure(connection, "beer", "git@git.example.org:Team/wine.git")
    assert "luotsi repo rename" in refused.value.hint
    with ledger.read() as connection:
        assert [row.name for row in repositories.watched(connection)] == ["wine"]


def test_another_spelling_of_the_address_is_the_same_repository(ledger: Ledger) -> None:
    with ledger.write() as connection:
        first = ensure(connection, "wine", at=AtForge("hub", "team/wine"))
        repositories.known_at_forge(connection, first, "17", "cellar/wine")
        assert (
            ensure(connection, "wine", "ssh://git@git.example.org/team/wine", AtForge("hub", "team/wine"))
            == first
        )
        row = repositories.by_id(connection, first)
    assert (row.address, row.slug, row.forge_id) == (
        "ssh://git@git.example.org/team/wine",
        "cellar/wine",
        "17",
    )


def test_a_new_name_keeps_the_history_and_names_the_projects(ledger: Ledger) -> None:
    with ledger.write() as connection:
        first = ensure(connection, "wine", roots=("", "eu"))
        only(connection, "cellar")
        assert ensure(connection, "cellar", roots=("", "eu")) == first
        assert [row.name for row in repositories.watched(connection)] == ["cellar"]
        assert [one.name for one in repositories.projects_of(connection, first)] == ["cellar", "cellar/eu"]
        assert repositories.by_name(connection, "wine") is None


def test_one_that_is_watched_no_more_gives_its_address_free(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine = ensure(connection, "wine", roots=("", "eu"))
        beer = ensure(connection, "beer", "/beer.git", spelling="file:/beer.git")
        only(connection, "beer")
        assert ensure(connection, "beer") == beer
        row = repositories.by_id(connection, wine)
        assert (row.name, row.address) == ("wine", f"{WINE}#{wine}")
        assert [one.name for one in repositories.projects_of(connection, wine)] == ["wine", "wine/eu"]
        with pytest.raises(ConfigError, match="of wine is that of beer: a repository is watched once"):
            ensure(connection, "wine")
        assert ensure(connection, "wine", "/wine.git", spelling="file:/wine.git") == wine
        assert {one.name: one.address for one in repositories.watched(connection)} == {
            "beer": WINE,
            "wine": "/wine.git",
        }


@pytest.mark.parametrize("twin_was_known", [False, True])
def test_the_address_of_a_twin_that_is_gone_is_taken(ledger: Ledger, twin_was_known: bool) -> None:
    """`repo remove` of the second entry, then the new address for the first: as the trouble of the second says."""
    with ledger.write() as connection:
        models = ensure(connection, "models", "/old", AtForge("hub", "acme/models"), spelling="old")
        twin = ensure(connection, "mod2", "/new", AtForge("hub", "acme/mod2"), spelling="new")
        for id in (twin, models) if twin_was_known else (models, twin):
            repositories.known_at_forge(connection, id, "17", "acme/mod2")
        only(connection, "models")
        assert ensure(connection, "models", "/new", AtForge("hub", "acme/mod2"), spelling="new") == models
        assert repositories.known_at_forge(connection, models, "17", "acme/mod2") == ""
        row = repositories.by_id(connection, models)
        assert (row.forge_id, row.slug, row.address) == ("17", "acme/mod2", "/new")


def test_the_address_of_another_repository_with_a_history_is_refused(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine = ensure(connection, "wine", at=AtForge("hub", "team/wine"))
        beer = ensure(connection, "beer", "/beer", AtForge("hub", "team/beer"), spelling="beer")
        repositories.known_at_forge(connection, wine, "17", "team/wine")
        repositories.known_at_forge(connection, beer, "18", "team/beer")
        only(connection, "beer")
        with pytest.raises(ConfigError, match="of wine, which was watched before and is another repository"):
            ensure(connection, "beer", at=AtForge("hub", "team/wine"))
        only(connection, "ale")
        assert ensure(connection, "ale", at=AtForge("hub", "team/wine")) == wine


def test_a_row_from_before_spellings_is_found_by_its_address(ledger: Ledger) -> None:
    with ledger.write() as connection:
        first = repositories.ensure(connection, "wine", WINE, "main", NOW)
        only(connection, "none")
        assert ensure(connection, "cellar") == first


def test_an_address_of_another_repository_forgets_what_the_forge_told(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine = ensure(connection, "wine", at=AtForge("hub", "team/wine"))
        repositories.known_at_forge(connection, wine, "17", "team/wine")
        repositories.hooked(connection, wine, "5")
        elsewhere = "https://git.example.org/team/beer"
        ensure(
            connection, "wine", elsewhere, AtForge("hub", "team/beer"), spelling="git.example.org/team/beer"
        )
        row = repositories.by_id(connection, wine)
    assert (row.slug, row.forge_id, row.hook) == ("team/beer", None, None)


def test_the_new_address_of_a_renamed_repository_keeps_what_the_forge_told(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine = ensure(connection, "wine", at=AtForge("hub", "team/wine"))
        repositories.known_at_forge(connection, wine, "17", "team/claret")
        elsewhere = "https://git.example.org/team/claret"
        ensure(
            connection,
            "wine",
            elsewhere,
            AtForge("hub", "team/claret"),
            spelling="git.example.org/team/claret",
        )
        row = repositories.by_id(connection, wine)
    assert (row.slug, row.forge_id) == ("team/claret", "17")


def test_threat_10_two_addresses_that_lead_to_one_repository_at_the_forge(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine = ensure(connection, "wine", at=AtForge("hub", "team/wine"))
        other = ensure(
            connection, "other", "https://alias.example/x/y", AtForge("hub", "x/y"), spelling="alias"
        )
        assert repositories.known_at_forge(connection, wine, "17", "team/wine") == ""
        assert repositories.known_at_forge(connection, other, "17", "team/wine") == "wine"
        assert repositories.by_id(connection, other).forge_id is None
        only(connection, "other")
        assert repositories.known_at_forge(connection, other, "17", "team/wine") == ""
        assert repositories.by_id(connection, other).forge_id == "17"


def test_threat_10_nothing_is_done_for_a_repository_before_its_forge_has_told_which_it_is(
    ledger: Ledger,
) -> None:
    with ledger.write() as connection:
        wine = ensure(connection, "wine", at=AtForge("hub", "team/wine"))
        ensure(connection, "beer", "/beer.git", spelling="file:/beer.git")
        assert [row.name for row in repositories.watched(connection)] == ["beer", "wine"]
        assert [row.name for row in repositories.watched(connection, ["hub"])] == ["beer"]
        repositories.known_at_forge(connection, wine, "17", "team/wine")
        assert [row.name for row in repositories.watched(connection, ["hub"])] == ["beer", "wine"]
        other = ensure(connection, "other", "/other.git", AtForge("hub", "x/y"), spelling="alias")
        repositories.known_at_forge(connection, other, "18", "x/y")
        assert repositories.known_at_forge(connection, other, "17", "team/wine") == "wine"
        assert [row.name for row in repositories.watched(connection, ["hub"])] == ["beer", "wine"]


def test_who_has_waited_longest_is_asked_first_and_a_hook_that_works_spares_calls(ledger: Ledger) -> None:
    def minutes(count: int) -> datetime:
        return NOW + timedelta(minutes=count)

    with ledger.write() as connection:
        for name in ("never", "old", "hooked", "deaf", "stranger", "just", "gone", "elsewhere"):
            at = AtForge("elsewhere" if name == "elsewhere" else "hub", f"team/{name}")
            id = ensure(connection, name, f"https://git.example.org/{name}", at, spelling=name)
            if name == "never":
                continue
            if name != "stranger":
                repositories.known_at_forge(connection, id, name, f"team/{name}")
            repositories.hooked(connection, id, None if name in ("old", "just") else "4")
            asked = minutes(9 if name == "just" else 0 if name == "old" else 5)
            repositories.asked(connection, id, asked, None, "no rights" if name == "deaf" else None)
        repositories.retire(
            connection, {"never", "old", "hooked", "deaf", "stranger", "just", "elsewhere"}, NOW
        )

        def due(paced: int, hooked: int) -> list[str]:
            found = repositories.to_ask(connection, ["hub"], minutes(paced), minutes(hooked))
            return [row.name for row in found]

        assert due(8, 0) == ["never", "old", "deaf", "stranger"]
        assert due(9, 5) == ["never", "old", "deaf", "hooked", "stranger", "just"]
        assert due(-1, -1) == ["never"]


def test_due_are_those_that_waited_long_enough_longest_first(ledger: Ledger) -> None:
    minute = timedelta(minutes=1)
    tried = {
        "just": NOW - minute,
        "almost": NOW - minute + timedelta(microseconds=1),
        "now": NOW,
        "never": None,
        "future": NOW + minute,
        "long": NOW - 2 * minute,
        "gone": None,
        "unknown": None,
    }
    with ledger.write() as connection:
        for name, moment in tried.items():
            at = AtForge("hub", "team/wine") if name == "unknown" else repositories.PLAIN_GIT
            id = ensure(connection, name, f"/{name}.git", at, spelling=name)
            if moment is not None:
                repositories.looked(connection, id, None, moment)
        repositories.retire(connection, tried.keys() - {"gone"}, NOW)

    def due(interval: timedelta, *hinted: str) -> list[str]:
        with ledger.read() as connection:
            return [row.name for row in repositories.to_look_at(connection, NOW, interval, hinted, ["hub"])]

    assert due(minute) == ["never", "long", "just", "future"]
    assert due(minute, "now", "gone", "unknown", "nobody", "just") == [
        "never",
        "long",
        "just",
        "now",
        "future",
    ]
    assert due(minute, *(f"n{number}" for number in range(1200)), "now")[3] == "now"
    assert due(timedelta(0)) == ["never", "long", "just", "almost", "now", "future"]
