"""What a person can do about a tag that does not have what it asks for: for pages and for `luotsi status`. Pure."""

from shlex import quote

from ledger.pages_tags import OpenTag
from schemas.values import short


def advice(tag: OpenTag) -> str:
    """The next step as a sentence with its command, behind the reason, which already says what is wrong."""
    match tag.state:
        case "refused":
            return f"Once it is settled, `git push --delete origin {quote('refs/tags/' + tag.name)}` ends this line."
        case "failed":
            return f"Mend what the reason names, then `luotsi promote {quote(tag.model)} {quote(tag.stage)}` tries again."
    if tag.version:
        return "It is bound as soon as its run succeeds; `luotsi retry` lets a run that failed begin again."
    if tag.stage:
        return f"It is served as soon as a version of {tag.model} is registered at {short(tag.sha)}."
    return ""
