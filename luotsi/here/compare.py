"""Two results of the same work, side by side: what is the same, what differs, what one of them does not have."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.messages.result import Result
from schemas.values import short

KINDS = ("outcome", "image", "input", "output", "metadata")
SHOWN = 60
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing of both runs. `before` and `after` are words for people; None: this run does not have it."""

    kind: str
    name: str
    before: str | None
    after: str | None
    same: bool


def compare(old: Result, new: Result) -> tuple[Finding, ...]:
    """Everything that both results say, in the order of `KINDS`, names in order. Bytes are compared by digest."""
    return (
        _outcome(old, new),
        *_image(old, new),
        *_digests("input", _inputs(old), _inputs(new)),
        *_digests("output", _outputs(old), _outputs(new)),
        *_metadata(old.metadata, new.metadata),
    )


def in_words(findings: Sequence[Finding]) -> Iterator[tuple[bool, str]]:
    """Sentences, each with whether it is about what is the same: what differs one by one, the rest together."""
    for kind in KINDS:
        same = [finding for finding in findings if finding.kind == kind and finding.same]
        if same:
            yield True, _same(kind, same)
        for finding in findings:
            if finding.kind == kind and not finding.same:
                yield False, f"{kind:<9} {_changed(finding)}"


def _same(kind: str, same: Sequence[Finding]) -> str:
    if kind in ("outcome", "image"):
        return f"{kind:<9} {same[0].after}"
    names = [finding.name for finding in same]
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"{kind:<9} {', '.join(names[:6])}{more}"


def _changed(finding: Finding) -> str:
    name = f"{finding.name} " if finding.name else ""
    if finding.after is None:
        return f"{name}is missing now (it was {finding.before})"
    if finding.before is None:
        return f"{name}is new ({finding.after})"
    return f"{name}{finding.before} → {finding.after}"


def _outcome(old: Result, new: Result) -> Finding:
    def words(result: Result) -> str:
        return result.outcome + (
            "" if result.exit_code in (0, None) else f" with exit code {result.exit_code}"
        )

    same = (old.outcome, old.exit_code) == (new.outcome, new.exit_code)
    return Finding("outcome", "", words(old), words(new), same)


def _image(old: Result, new: Result) -> Iterator[Finding]:
    """Two runs as plain processes have no image to compare; then nothing is said of it."""
    if old.image_digest or new.image_digest:

        def words(result: Result) -> str:
            return (
                f"{result.image} {short(result.image_digest)}"
                if result.image_digest
                else "no image: a plain process"
            )

        yield Finding("image", "", words(old), words(new), old.image_digest == new.image_digest)


_Bytes = tuple[str | None, int | None]
"""Digest and size of a file; None where nobody has read it (an input on demand that was not asked for)."""


def _inputs(result: Result) -> dict[str, _Bytes]:
    return {f"{each.input}/{each.name}": (each.sha256, each.size) for each in result.inputs}


def _outputs(result: Result) -> dict[str, _Bytes]:
    return {each.name: (each.sha256, each.size) for each in result.outputs}


def _digests(kind: str, old: Mapping[str, _Bytes], new: Mapping[str, _Bytes]) -> Iterator[Finding]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        yield Finding(kind, name, _file(before), _file(after), before == after)


def _file(found: _Bytes | None) -> str | None:
    if found is None:
        return None
    sha, size = found
    return f"{short(sha) if sha else 'not read'}" + (f" ({size:,} bytes)" if size is not None else "")


def _metadata(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    for name in sorted({*old, *new}):
        before = _clip(repr(old[name])) if name in old else None
        after = _clip(repr(new[name])) if name in new else None
        # By their spelling: so NaN is the same as NaN, and 1 is not the same as 1.0 or true.
        same = name in old and name in new and repr(old[name]) == repr(new[name])
        yield Finding("metadata", name, before, after, same)


def _clip(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
