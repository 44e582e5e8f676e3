"""Which forge an address belongs to: the whole host or none (threats, row 7). A forge's token goes where this says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luotsi import places

CLOUD = {"kind": "github", "token": "t"}
HOUSE = {"kind": "github", "url": "https://ghe.example.org", "token": "t"}
ODD = {"kind": "github", "url": "https://ghe.example.org:8443", "token": "t"}
FORGES = {"cloud": CLOUD, "house": HOUSE, "odd": ODD}

OURS = {
    "https://github.com/acme/models": ["cloud"],
    "https://GitHub.com/acme/models.git": ["cloud"],
    "https://x-access-token:t@github.com/acme/models": ["cloud"],
    "https://github.com:443/acme/models": ["cloud"],
    "git@github.com:acme/models.git": ["cloud"],
    "ssh://git@ssh.github.com:443/acme/models": ["cloud"],
    "https://ghe.example.org/acme/models": ["house"],
    "https://ghe.example.org:8443/acme/models": ["odd"],
    "ssh://git@ghe.example.org:2222/acme/models": ["house", "odd"],
}

NOT_OURS = [
    "https://github.com@evil.example/acme/models",
    "https://github.com%40evil.example/acme/models",
    "https://github.com:token@evil.example/acme/models",
    "https://github.com\\@evil.example/acme/models",
    "https://github.com#@evil.example/acme/models",
    "https://github.com.evil.example/acme/models",
    "https://evilgithub.com/acme/models",
    "https://evil.example/github.com/acme/models",
    "https://evil.example/?github.com",
    "https://evil.example#github.com/acme/models",
    "https://github.com./acme/models",
    "https://github.co/acme/models",
    "https://github.com:8443/acme/models",
    "https://\uff47ithub.com/acme/models",
    "https://g\u0131thub.com/acme/models",
    "https://xn--gthub-n4a.com/acme/models",
    "https://raw.github.com/acme/models",
    "github.com.evil.example:acme/models",
    "github.com@evil.example:acme/models",
    "/srv/github.com/acme/models",
    "github.com/acme/models",
    "file://github.com/acme/models",
    "https://[github.com/acme/models",
    "https://github.com:notaport/acme/models",
]


@pytest.mark.parametrize("address", OURS)
def test_an_address_at_a_forges_host_is_the_forges(address: str) -> None:
    assert places.forges_of(address, FORGES) == OURS[address]


@pytest.mark.parametrize("address", NOT_OURS)
def test_threat_07_what_only_looks_like_the_host_is_not(address: str) -> None:
    assert places.forges_of(address, FORGES) == []
    assert not any(places.takes_login(address, given) for given in FORGES.values())


@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=6), st.integers(0, 40))
def test_threat_07_nothing_put_into_an_address_leads_a_token_elsewhere(put: str, at: int) -> None:
    """Whatever stands anywhere in it: where our login may be sent, the host that is asked is the forge's own."""
    whole = "https://evil.example/github.com/acme/models"
    address = whole[:at] + put + whole[at:]
    assert not any(places.takes_login(address, given) for given in FORGES.values())


@pytest.mark.parametrize(
    "address", ["http://github.com/acme/models", "git@github.com:acme/models", "git://github.com/a/b"]
)
def test_a_login_goes_to_nobody_who_listens_on_the_way(address: str) -> None:
    assert not places.takes_login(address, CLOUD)
    assert places.takes_login("https://github.com/acme/models", CLOUD)
