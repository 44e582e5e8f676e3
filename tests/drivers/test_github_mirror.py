"""A mirror of a private repository on GitHub, with the App's own short-lived tokens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.git import by_id, credentials
from controller.git.mirror import Mirror
from forges.github.api import speak
from schemas.errors import Stalled
from schemas.values import RefName, Secret, Sha
from tests.builders.github_house import House, house
from tests.parts.github_description import GitHubDescription


@pytest.fixture
def there(tmp_path: Path, github_description: GitHubDescription) -> Iterator[House]:
    with house(tmp_path / "github", github_description.address, private=True) as made:
        yield made


def mirror_of(there: House, tmp_path: Path) -> Mirror:
    known = {"app": there.app.client_id, "private_key": Secret(there.app.private_key)}
    api = speak({"api": there.github.api, **known}, there.github.clock.seconds)
    login = credentials.from_login(lambda: api.git_login(there.repo.full_name))
    return Mirror(tmp_path / "mirror.git", there.github.clone_url(there.repo), login)


def tokens_made(there: House) -> int:
    return sum(record.path.endswith("/access_tokens") for record in there.github.log)


def test_a_pull_request_from_a_fork_is_brought(there: House, tmp_path: Path) -> None:
    mirror = mirror_of(there, tmp_path)
    mirror.fetch()
    assert mirror.refs() == {"refs/heads/main": there.head()}
    fork = there.eve.fork(there.repo)
    sha = Sha(there.eve.push(fork, "wine", {"red": "1"}))
    pull = there.eve.open_pull_request(there.repo, "wine", source=fork)
    mirror.bring([RefName(f"refs/pull/{pull.number}/head")])
    assert mirror.read_blob(sha, "red", 10) == b"1"
    assert mirror.refs() == {"refs/heads/main": there.head()}
    assert tokens_made(there) == 1


def test_what_no_ref_leads_to_any_more_is_brought_by_its_id(there: House, tmp_path: Path) -> None:
    mirror = mirror_of(there, tmp_path)
    main = there.head()
    mirror.fetch()
    forced = there.bob.push(there.repo, "side", {"red": "1"})
    there.bob.push(there.repo, "side", {"red": "2"}, onto=main)
    there.bob.push_ref(there.repo, "refs/heads/side", None)
    fork = there.eve.fork(there.repo)
    earlier = there.eve.push(fork, "wine", {"white": "1"})
    there.eve.open_pull_request(there.repo, "wine", source=fork)
    there.eve.push(fork, "wine", {"white": "2"}, onto=main)
    nowhere = Sha("f" * 40)
    answered = by_id.bring(mirror, [nowhere, Sha(forced), Sha(earlier)])
    assert answered == {nowhere: False, Sha(forced): True, Sha(earlier): True}
    assert mirror.read_blob(Sha(earlier), "white", 10) == b"1"
    assert mirror.refs() == {"refs/heads/main": main}


def test_an_expired_token_is_made_anew(there: House, tmp_path: Path) -> None:
    mirror = mirror_of(there, tmp_path)
    mirror.look()
    there.github.clock.advance(3700)
    mirror.look()
    assert tokens_made(there) == 2


def test_without_the_app_it_stalls_with_the_forges_words(there: House, tmp_path: Path) -> None:
    mirror = mirror_of(there, tmp_path)
    mirror.fetch()
    there.installation.uninstall(there.ada.account)
    with pytest.raises(Stalled):
        mirror_of(there, tmp_path / "again").look()
    assert mirror.has(Sha(there.head()))
