"""The post-receive hook of a plain git repository: tells Luotsi to look now. POSIX sh with curl and openssl.

It works behind the push, for a bounded time, and never fails it. The secret stands in the script in the form that HMAC
(RFC 2104) uses it in, and never in an argument of a program, where others on the machine could read it.
"""

import hashlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from controller.git import hooks
from schemas.errors import ConfigError, Stalled
from schemas.values import Secret

MARK = "# made by: luotsi repo hook"
BEFORE = "post-receive-before-luotsi"
"""What a hook is called that was there before, and is run first."""

SECONDS = 20
_BLOCK = 64
"""Bytes of a block of SHA-256."""
_CALLS = re.compile(r'^url = "([^"]*)"$', re.MULTILINE)

_SCRIPT = """\
#!/bin/sh
{mark}
# Tells Luotsi at {shown} to look at this repository now. It never holds up or fails a push.
before="${{0%/*}}/{before}"
if [ -x "$before" ]; then
  refs=$(cat)
  printf '%s\\n' "$refs" | "$before" "$@"
  status=$?
else
  refs=$(cat)
  status=0
fi
after=$(printf '%s\\n' "$refs" | while read -r _ new ref; do
  case "$ref" in refs/notes/*) ;; refs/*) printf '%s' "$new"; break ;; esac
done)
tell() {{
  trap '' HUP
  command -v curl && command -v openssl || exit 0
  body="{{\\"after\\":\\"$after\\"}}"
  sign=$({{ printf '{inner}'; printf '%s' "$body"; }} | openssl dgst -sha256 -binary |
    {{ printf '{outer}'; cat; }} | openssl dgst -sha256 -r)
  curl --silent --max-time {seconds} --config - <<END
url = {url}
request = POST
header = "Content-Type: application/json"
header = "X-Luotsi-Signature: sha256=${{sign%% *}}"
header = "X-Luotsi-Delivery: $(openssl rand -hex 16)"
data = "{{\\"after\\":\\"$after\\"}}"
END
}}
case "$after" in '' | *[!0-9a-f]*) ;; *) (tell) < /dev/null > /dev/null 2>&1 & ;; esac
exit "$status"
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """Where a hook was put. `did`: created, repaired or kept; `chained`: one that was there before is run first."""

    path: Path
    did: str
    chained: bool


def script(url: str, secret: Secret) -> str:
    """The hook for deliveries to `url`, an http(s) address."""
    if re.search(r"[\s\"'\\$`]", url):
        raise ConfigError(
            f"{url!r} cannot stand in a script", hint="Write `web.address` without special characters."
        )
    key = secret.reveal().encode()
    key = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
    key = key.ljust(_BLOCK, b"\0")
    pads = [bytes(byte ^ pad for byte in key) for pad in (0x36, 0x5C)]
    inner, outer = ("".join(f"\\{byte:03o}" for byte in pad) for pad in pads)
    return _SCRIPT.format(
        mark=MARK,
        shown=shlex.quote(url),
        before=BEFORE,
        inner=inner,
        outer=outer,
        seconds=SECONDS,
        url=f'"{url}"',
    )


def install(repository: Path, text: str, chain: bool) -> Installed:
    """Put the hook into a repository of this machine. One that is there and not ours is run first, if `chain` says so.

    Raises `ConfigError` for a hook that is there otherwise, `Stalled` where nothing can be written.
    """
    folder = hooks.folder(repository)
    place, before = folder / "post-receive", folder / BEFORE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = place.read_text(encoding="utf-8", errors="replace") if place.exists() else ""
        ours = MARK in there
        if there and not ours and not chain:
            raise ConfigError(
                f"{place} is there already, and not ours",
                hint=f"With --chain it becomes {BEFORE} and is run first, with the same input; its exit code stays the hook's.",
            )
        if there and not ours:
            if before.exists():
                raise ConfigError(f"{before} is there already", hint="Put the two together by hand.")
            place.rename(before)
        if there != text:
            _write(place, text)
    except OSError as error:
        raise Stalled(
            f"{place} cannot be written: {error.strerror}", hint="Run it as the owner of the repository."
        ) from error
    return Installed(place, "kept" if there == text else "repaired" if ours else "created", before.exists())


def called(repository: Path) -> str:
    """The address that our hook in a repository of this machine calls; empty where there is none of ours.

    Raises `Stalled` where nobody can tell.
    """
    if not repository.exists():
        return ""
    place = hooks.folder(repository) / "post-receive"
    try:
        there = place.read_text(encoding="utf-8", errors="replace") if place.exists() else ""
    except OSError as error:
        raise Stalled(
            f"{place} cannot be read: {error.strerror}", hint="Look at it as the owner of the repository."
        ) from error
    found = _CALLS.search(there) if MARK in there else None
    return found[1] if found else ""


def uninstall(repository: Path) -> None:
    """Take our hook out again, and put back what was there before. Raises `Stalled` where that cannot be done."""
    folder = hooks.folder(repository)
    place, before = folder / "post-receive", folder / BEFORE
    try:
        if before.exists():
            before.replace(place)
        else:
            place.unlink(missing_ok=True)
    except OSError as error:
        raise Stalled(
            f"{place} cannot be changed: {error.strerror}", hint="Delete it as the owner of the repository."
        ) from error


def _write(place: Path, text: str) -> None:
    """Whole or not at all: a push may come at any moment. Readable by those of the owner's group, who push too."""
    temporary = place.with_name(".luotsi-post-receive")
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o750)
    temporary.replace(place)
