"""The forge of plain git, and how forges are found by their kind."""

import hashlib
import hmac
from collections.abc import Iterator

import pytest

import forges
from forges.bare import Bare, connect
from forges.port import Delivery, Forge
from schemas.errors import Refused, Stalled
from schemas.values import Secret

BODY = b'{"ref": "refs/heads/main", "after": "' + b"a" * 40 + b'"}'


def signed(body: bytes, secret: str) -> dict[str, str]:
    return {"x-luotsi-signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def test_the_body_may_come_in_any_pieces() -> None:
    forge: Forge = Bare([Secret("old"), Secret("new")])
    for secret in ("old", "new"):
        for pieces in ([BODY], [BODY[:1], b"", BODY[1:]], [bytes([byte]) for byte in BODY]):
            forge.verify(signed(BODY, secret), pieces)
    with pytest.raises(Refused, match="does not belong"):
        forge.verify(signed(BODY, "new"), [BODY, b" "])


@pytest.mark.parametrize(
    "said", ["", "sha256=abc", "sha256=" + "0" * 63, "sha256=" + "0" * 64 + "\n", "md5=" + "0" * 64]
)
def test_what_the_headers_rule_out_is_not_read(said: str) -> None:
    def unread() -> Iterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    with pytest.raises(Refused, match="not signed"):
        Bare([Secret("s")]).verify({"x-luotsi-signature": said}, unread())


def test_an_error_of_the_sender_passes_through() -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        Bare([Secret("s")]).verify(signed(b"x", "s"), broken())


def test_a_refusal_gives_no_secret_away() -> None:
    with pytest.raises(Refused) as caught:
        Bare([Secret("very-secret")]).verify(signed(BODY, "wrong"), [BODY])
    assert "very-secret" not in str(caught.value)
    assert signed(BODY, "very-secret")["x-luotsi-signature"] not in str(caught.value)


def test_parses_what_a_hook_sends() -> None:
    forge = Bare([Secret("s")])
    assert forge.parse({"x-luotsi-delivery": "7"}, BODY) == Delivery(
        "7", "push", "refs/heads/main", None, "a" * 40
    )
    assert forge.parse({"x-luotsi-delivery": "8"}, b" \n") == Delivery("8", "push")
    assert forge.parse({}, b"").id != forge.parse({}, b"").id


def test_a_ref_is_a_full_name_without_what_git_forbids() -> None:
    forge = Bare([Secret("s")])
    for ref in ("refs/heads/näyte", "refs/tags/wine@v0.1.0", "refs/heads/$(x)"):
        assert forge.parse({}, f'{{"ref": "{ref}"}}'.encode()).ref == ref
    for ref in (
        "main",
        "heads/main",
        "-x",
        "refs/heads/a b",
        "refs/heads/a\\nb",
        "refs/heads/a\\n",
        "refs/heads/a:b",
    ):
        with pytest.raises(Refused, match="full name of a ref"):
            forge.parse({}, f'{{"ref": "{ref}"}}'.encode())


@pytest.mark.parametrize("settings", [{}, {"secret": ""}, {"secrets": []}, {"secrets": ["good", ""]}])
def test_without_a_secret_there_are_no_deliveries(settings: dict[str, object]) -> None:
    with pytest.raises(Stalled, match="without a secret"):
        connect(settings)


def test_one_secret_or_several_text_or_secret() -> None:
    for settings in (
        {"secret": "s"},
        {"secret": Secret("s")},
        {"secrets": ["x", "s"]},
        {"secrets": Secret("s")},
    ):
        connect(settings).verify(signed(BODY, "s"), [BODY])


def test_forges_are_loaded_by_the_name_of_their_kind() -> None:
    assert isinstance(forges.load("bare", {"secret": "s"}), Bare)
    for kind in ("port", "nothing", "os.path", ""):
        with pytest.raises(Stalled, match="Kinds of forges: bare"):
            forges.load(kind, {})
