"""What a person can do about a tag that does not have what it asks for: for pages and for `luotsi status`. Pure."""

from shlex import quote

from ledger.pages.tags import OpenTag
from schemas.values import short
from schemas.words import sentence

STANDS = {"refused": "was refused", "failed": "failed to serve", "waiting": "waits"}
"""State -> the words behind the tag's name."""


def why(tag: OpenTag) -> str:
    """The reason as sentences behind the tag's name and how it stands, neither of them said twice."""
    text = tag.reason.removeprefix(f"{tag.name} waits: ")
    if text.startswith(f"{tag.name} "):
        text = "it" + text.removeprefix(tag.name)
    return sentence(text)


def advice(tag: OpenTag) -> str:
    """The next step as a sentence with its command, behind the reason, which already says what is wrong."""
    match tag.state:
        case "refused":
            return f"Once it is settled, `git push --delete origin {quote('refs/tags/' + tag.name)}` ends this line."
        case "failed":
            return f"Mend what the reason names, then `luotsi promote {quote(tag.model)} {quote(tag.stage)}` tries again."
    # What waits for a file or for the settings to be mended has that in its reason.
    if tag.version and "waits" in tag.reason:
        return "It is bound as soon as a run there succeeds; `luotsi retry` lets one that failed begin again."
    if tag.stage and "waits until" in tag.reason:
        return f"`git tag -a {quote(tag.model.replace(':', '=') + '@v1.0.0')} {short(tag.sha)}` would register one."
    return ""
