"""Signed addresses: only the exact object, method, condition and time that were signed."""

from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Refused
from schemas.values import Secret
from stores import signed
from stores.signed import Target

SECRET = Secret("objects")
TARGET = Target("PUT", "artifacts", "outputs/x/1/d/a%20b%2F", absent=True)
NOW = 1_000_000


def query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_an_address_is_good_for_what_it_says_until_it_ends() -> None:
    url = signed.url("http://web/", SECRET, TARGET, NOW + 60)
    assert unquote(urlsplit(url).path) == "/objects/artifacts/outputs/x/1/d/a%20b%2F"
    assert signed.check(SECRET, replace(TARGET, absent=False), query(url), NOW + 59.9) == TARGET
    with pytest.raises(Refused, match="has ended"):
        signed.check(SECRET, TARGET, query(url), NOW + 60)


@pytest.mark.parametrize(
    "other",
    [
        replace(TARGET, method="GET"),
        replace(TARGET, store="system"),
        replace(TARGET, key="outputs/x/1/d/a%20b"),
        replace(TARGET, key="outputs/x/1/d/a b/"),
    ],
)
def test_it_is_not_good_for_anything_else(other: Target) -> None:
    with pytest.raises(Refused, match="not signed for this object"):
        signed.check(SECRET, other, query(signed.url("http://web", SECRET, TARGET, NOW + 60)), NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"expires": str(NOW + 61)},
        {"expires": ""},
        {"expires": "nan"},
        {"signature": ""},
        {"signature": "ä"},
        {"signature": "0" * 64},
        {"absent": None},
        {"signature": None},
        {"expires": None},
    ],
)
def test_a_changed_address_is_refused(change: dict[str, str | None]) -> None:
    changed = query(signed.url("http://web", SECRET, TARGET, NOW + 60)) | change
    with pytest.raises(Refused, match="not signed"):
        signed.check(
            SECRET, TARGET, {name: value for name, value in changed.items() if value is not None}, NOW
        )


def test_another_secret_makes_another_signature() -> None:
    with pytest.raises(Refused):
        signed.check(Secret("other"), TARGET, query(signed.url("http://web", SECRET, TARGET, NOW + 60)), NOW)


@given(st.dictionaries(st.sampled_from(["method", "expires", "absent", "signature", "x"]), st.text()))
def test_no_query_that_was_not_signed_is_anything_but_refused(made_up: dict[str, str]) -> None:
    with pytest.raises(Refused):
        signed.check(SECRET, TARGET, made_up, NOW)
