"""What would start, as a drawing: of characters for a terminal, or as text for Mermaid and Graphviz."""

from collections.abc import Iterator, Sequence

from controller.core.foresee import Foreseen, Work
from controller.core.triggers import Answer
from luotsi.planning.words import clip


def draw(found: Sequence[Foreseen], form: str) -> Iterator[str]:
    """All triggers that start something, in one of the formats, line by line."""
    starting = [one for one in found if one.answer is Answer.FIRES]
    match form:
        case "mermaid":
            yield from _mermaid(starting)
        case "dot":
            yield from _dot(starting)
        case _:
            yield from _text(starting)


def label(work: Work) -> str:
    """A node's name, and what is worth knowing of it at a glance."""
    what = [f"task of {work.children.count}"] if work.children else []
    what += ["deployment"] if work.kind == "deployment" else []
    what += ["approval"] if work.approval else []
    what += ["error"] if work.problem else []
    return clip(work.name) + (f" ({', '.join(what)})" if what else "")


def brings(work: Work, source: str) -> str:
    """What the edges from one node bring: `model.json → model, parameter lr`."""
    found = []
    for begin, end in work.edges:
        if begin.startswith(f"{source}."):
            kind, _, key = begin.removeprefix(f"{source}.").partition(".")
            target = end.split(".", 2)[-1]
            found.append("" if kind == "dependency" else f"{key} → {target}" if key != target else key)
    return clip(", ".join(dict.fromkeys(filter(None, found))))


def _text(starting: Sequence[Foreseen]) -> Iterator[str]:
    if not starting:
        yield "Nothing starts."
    for number, one in enumerate(starting):
        if number:
            yield ""
        yield f"{one.trigger}: {one.target[0]} {one.target[1]}"
        if one.problem:
            yield f"└─ error: {one.problem}"
        below = _below(one.works)
        yield from _branch(below.get("", []), below, "", "")


def _below(works: Sequence[Work]) -> dict[str, list[Work]]:
    """Each node once: below the last of those that it waits for; those that wait for none below ""."""
    place = {work.name: number for number, work in enumerate(works)}
    found: dict[str, list[Work]] = {}
    for number, work in enumerate(works):
        earlier = [name for name in work.after if place.get(name, number) < number]
        parent = max(earlier, key=place.__getitem__) if earlier else ""
        found.setdefault(parent, []).append(work)
    return found


def _branch(works: Sequence[Work], below: dict[str, list[Work]], parent: str, indent: str) -> Iterator[str]:
    stack = [(iter(list(enumerate(works, 1))), len(works), parent, indent)]
    while stack:
        items, count, above, space = stack[-1]
        number, work = next(items, (0, None))
        if work is None:
            stack.pop()
            continue
        last = number == count
        carried = brings(work, above) if above else ""
        others = [name for name in work.after if name != above]
        also = f"  also after {', '.join(others)}" if others else ""
        arrow = f"─ {carried} ─▶ " if carried else "─▶ " if above else "─ "
        yield f"{space}{'└' if last else '├'}{arrow}{label(work)}{also}"
        children = below.get(work.name, [])
        stack.append(
            (iter(list(enumerate(children, 1))), len(children), work.name, space + ("   " if last else "│  "))
        )


def _mermaid(starting: Sequence[Foreseen]) -> Iterator[str]:
    yield "flowchart LR"
    for number, one in enumerate(starting):
        yield f'  subgraph t{number}["{_quoted(one.trigger)}: {_quoted(one.target[1])}"]'
        ids = {work.name: f"t{number}n{place}" for place, work in enumerate(one.works)}
        for work in one.works:
            opening, closing = (
                ("[[", "]]") if work.children else ("([", "])") if work.kind == "deployment" else ("[", "]")
            )
            yield f'    {ids[work.name]}{opening}"{_quoted(label(work))}"{closing}'
        for work in one.works:
            for source in work.after:
                if source in ids:
                    words = brings(work, source)
                    arrow = f'-->|"{_quoted(words)}"|' if words else "-->"
                    yield f"    {ids[source]} {arrow} {ids[work.name]}"
        yield "  end"


def _quoted(text: str) -> str:
    """Inside a Mermaid text in quotes: entities for what ends it or is markup."""
    return "".join(c if c.isalnum() or c in " .,:_-()→*/…" else f"#{ord(c)};" for c in text)


def _dot(starting: Sequence[Foreseen]) -> Iterator[str]:
    yield "digraph plan {"
    yield "  rankdir=LR; node [shape=box];"
    for number, one in enumerate(starting):
        yield f"  subgraph cluster_{number} {{"
        yield f"    label={_string(f'{one.trigger}: {one.target[1]}')};"
        ids = {work.name: f"t{number}n{place}" for place, work in enumerate(one.works)}
        for work in one.works:
            shape = "component" if work.kind == "deployment" else "box3d" if work.children else "box"
            yield f"    {ids[work.name]} [label={_string(label(work))}, shape={shape}];"
        for work in one.works:
            for source in work.after:
                if source in ids:
                    yield f"    {ids[source]} -> {ids[work.name]} [label={_string(brings(work, source))}];"
        yield "  }"
    yield "}"


def _string(text: str) -> str:
    """A string of Graphviz' language: only quotes and backslashes are special in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
