"""What is wrong in settings that fit their schema: names that stand for nothing, and keys that do not go together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.git import address as addresses
from ledger.repositories import BARE
from luotsi import places

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at a path of keys, and what to do about it."""

    at: Path
    message: str
    hint: str


def mistakes(values: Mapping[str, Any]) -> Iterator[Mistake]:
    """All of them, for values that the schema has no complaint about."""
    forges: dict[str, Any] = values.get("forges", {})
    for name, given in forges.items():
        yield from _logins(("forges", name), given)
    taken: dict[tuple[str, str], str] = {}
    for number, entry in enumerate(values.get("repositories", [])):
        at: Path = ("repositories", number)
        found = list(_place(at, entry, forges))
        yield from found
        yield from _pulls((*at, "pull-requests"), entry.get("pull-requests", {}), values)
        forge, slug = ("", "") if found else places.place(entry, forges)
        yield from _twice(at, entry, (forge, slug), taken)
    yield from _pulls(("pull-requests",), values.get("pull-requests", {}), values)
    for name, group in values.get("variable-groups", {}).items():
        yield from _branches(("variable-groups", name, "branches"), group.get("branches", []))


def _branches(at: Path, patterns: list[str]) -> Iterator[Mistake]:
    for number, pattern in enumerate(patterns):
        if pattern.startswith("refs/heads/"):
            yield Mistake(
                (*at, number),
                f"`{pattern}` is a ref, and names no branch",
                f"Write the branch: {pattern.removeprefix('refs/heads/')}",
            )


def _twice(
    at: Path, entry: Mapping[str, Any], place: tuple[str, str], taken: dict[tuple[str, str], str]
) -> Iterator[Mistake]:
    """An entry that is one of those before: by its name, by the address however it is written, by its place at a forge."""
    name = entry["name"]
    if ("name", name) in taken:
        yield Mistake((*at, "name"), f"there is a repository {name} already", "Give each a name of its own.")
    keys = [
        ("address", addresses.spelling(entry["address"])),
        *([(place[0], place[1].lower())] if place[1] else []),
    ]
    other = next((taken[key] for key in keys if key in taken), None)
    if other is not None and other != name:
        what = f"the repository {place[1]} of {place[0]}" if place[1] else "the repository at this address"
        hint = "One repository is watched once; several projects in it are its `roots`."
        yield Mistake((*at, "address"), f"{what} is there already, as {other}", hint)
    taken |= {("name", name): name, **dict.fromkeys(keys, name)}


def _logins(at: Path, given: Mapping[str, Any]) -> Iterator[Mistake]:
    app, key, token = ("app" in given, "private-key" in given, "token" in given)
    if app and token:
        yield Mistake(
            (*at, "token"), "the forge has both `app` and `token`", "Keep one: an App can show checks."
        )
    elif key and not app:
        yield Mistake(
            (*at, "private-key"), "there is a `private-key` without `app`", "Give the App's id, as `app`."
        )
    elif app and not key:
        yield Mistake(
            (*at, "app"),
            "there is an `app` without `private-key`",
            "Give the path of the App's key, a PEM file.",
        )
    elif not app and not token:
        yield Mistake(
            at, "the forge has neither `app` nor `token`", "Give `app` with `private-key`, or `token`."
        )
    if "-----BEGIN" in str(given.get("private-key", "")):
        yield Mistake(
            (*at, "private-key"),
            "`private-key` is a key, or the first line of one",
            "Give the path of the PEM file itself, without `file:` before it.",
        )


def _place(at: Path, entry: Mapping[str, Any], forges: Mapping[str, Any]) -> Iterator[Mistake]:
    """A repository's `forge`, `slug` and `pull-requests`, and whether its address says as much as they need."""
    named = entry.get("forge")
    there = ", ".join([BARE, *forges])
    if named is not None and named != BARE and named not in forges:
        yield Mistake((*at, "forge"), f"there is no forge {named} in the settings", f"There is: {there}.")
        return
    hosts = places.forges_of(entry["address"], forges)
    if named is None and len(hosts) > 1:
        yield Mistake(
            (*at, "address"),
            f"the address may belong to {' or '.join(hosts)}",
            "Say which, as `forge`: they are on one host.",
        )
        return
    forge = named or next(iter(hosts), BARE)
    if forge == BARE:
        why = "the repository is plain git" if named else "the address belongs to no forge of the settings"
        for key in ("slug", "pull-requests"):
            if key in entry:
                yield Mistake(
                    (*at, key),
                    f"there is `{key}`, but {why}",
                    f"Name its forge, as `forge`. There is: {there}.",
                )
    elif not (entry.get("slug") or places.slug(entry["address"])):
        yield Mistake(
            (*at, "address"),
            "the address does not say the repository's name at the forge",
            "Give it as `slug`: owner/name.",
        )


def _pulls(at: Path, given: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Mistake]:
    environments = values.get("environments", [{"name": "local"}])
    wanted = given.get("environment")
    if wanted is not None and not any(wanted in (each["name"], each.get("id")) for each in environments):
        there = ", ".join(each["name"] for each in environments)
        yield Mistake(
            (*at, "environment"), f"there is no environment {wanted} in the settings", f"There is: {there}."
        )
    groups = values.get("variable-groups", {})
    for number, name in enumerate(given.get("grants", [])):
        if name not in groups:
            there = f"There is: {', '.join(groups)}." if groups else "Write it below `variable-groups`."
            yield Mistake(
                (*at, "grants", number), f"there is no variable group {name} in the settings", there
            )
        elif limit := _never_untrusted(groups[name]):
            yield Mistake(
                (*at, "grants", number),
                f"the variable group {name} is granted to untrusted code, which its `{limit}` keep it from",
                f"Grant another group, or take away its `{limit}`: untrusted code is of no branch, and comes by pull requests.",
            )


def _never_untrusted(group: Mapping[str, Any]) -> str:
    """The limit of a group that no untrusted run is within; empty for none."""
    if group.get("branches"):
        return "branches"
    events = group.get("events")
    return "events" if events and not {"pull-request", "comment"} & set(events) else ""
