"""The items of a `valohai.yaml`, sorted by kind and name, and what each of them builds on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.checks.findings import Findings, clip
from schemas.yaml_marks import Document, Path

OFFICIAL = ("step", "task", "endpoint", "pipeline", "blueprint", "deployment")
"""In the order in which the official library looks for them in one item."""
OURS = ("trigger", "model")
KINDS = (*OFFICIAL, *OURS)

SEEN = {
    "step": ("name", "parameters", "inputs"),
    "task": ("name", "step", "parameters", "parameter-sets"),
    "endpoint": ("name", "files"),
    "pipeline": ("name", "nodes", "edges", "parameters"),
    "deployment": ("name",),
    "trigger": ("name", "run"),
    "model": ("name",),
}
"""The keys of an item that checks of other items look at."""

Name = tuple[str, str]
"""A kind and a name."""


@dataclass(slots=True)
class Item:
    """One element of the document's list. `key` is the kind as written (`blueprint` is an old word for a pipeline)."""

    index: int
    key: str
    data: Any
    official: Any = None
    readable: bool = False
    """Whether its own checks may look into `data`, which then is without the parts that are `left_out`."""
    left_out: dict[Path, Any] = field(default_factory=dict)
    """What is wrong or missing in it, with what stands there: keys, and elements of lists and mappings below keys."""

    @property
    def kind(self) -> str:
        return "pipeline" if self.key == "blueprint" else self.key

    @property
    def path(self) -> Path:
        return (self.index, self.key)

    @property
    def name(self) -> str:
        """Empty where it has none (the schema complains about that)."""
        name = self.data.get("name") if isinstance(self.data, dict) else None
        name = self.left_out.get((*self.path, "name"), name)
        return name if isinstance(name, str) else ""

    @property
    def sound(self) -> bool:
        """Whether others may look into it: nothing is left out that could be what they name."""
        return self.readable and all(map(self.whole, SEEN[self.kind]))

    def whole(self, key: str) -> bool:
        """Whether nothing is left out of what this key holds."""
        return all(part[2] != key for part in self.left_out)

    def names(self, section: str) -> list[str] | None:
        """The names in a list or mapping, also of what is left out; None where one has none that can be read."""
        held = self.data.get(section)
        names = list(held) if isinstance(held, dict) else [element["name"] for element in as_list(held)]
        for part, value in self.left_out.items():
            if part[2] == section:
                name = part[3] if len(part) > 3 else None
                if isinstance(name, int):
                    name = value.get("name") if isinstance(value, dict) else None
                if not isinstance(name, str):
                    return None
                names.append(name)
        return names


@dataclass(slots=True)
class Items:
    """All items that somebody reads."""

    all: list[Item] = field(default_factory=list)
    _by_name: dict[Name, Item] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        """The last of equal names counts, as in the official library."""
        self.all.append(item)
        self._by_name[item.kind, item.name] = item

    def of(self, *kinds: str) -> Iterator[Item]:
        return (item for item in self.all if item.kind in kinds)

    def find(self, kind: str, name: object) -> Item | None:
        return self._by_name.get((kind, name)) if isinstance(name, str) and name else None

    def lacks(self, kind: str, name: object) -> bool:
        """Whether there is surely no such item: one whose name cannot be read could be it."""
        return self.find(kind, name) is None and all(item.name for item in self.of(kind))

    def names(self, kind: str) -> list[str]:
        return [item.name for item in self.of(kind) if item.name]

    def official(self, kind: str, name: object) -> Any:
        """The official library's object, None where it is missing or not wholly there."""
        item = self.find(kind, name)
        return item.official if item and item.sound else None

    def builds_on(self, kind: str, name: object) -> Iterator[Item]:
        """The item and all that it needs: a pipeline its nodes' steps and tasks, a task its step."""
        item = self.find(kind, name)
        if item is None:
            return
        yield item
        data = item.data if isinstance(item.data, dict) else {}
        if item.kind == "task":
            yield from self.builds_on("step", data.get("step"))
        for node in as_list(data.get("nodes")) if item.kind == "pipeline" else ():
            if isinstance(node, dict) and not node.get("commit"):
                yield from self.builds_on("step", node.get("step"))
                yield from self.builds_on("task", node.get("task"))

    def sources(self, item: Item) -> Iterator[Name]:
        """What a trigger or model names as that which runs, as far as it can be read."""
        key = "run" if item.kind == "trigger" else "from"
        source = item.data.get(key) if isinstance(item.data, dict) else None
        if isinstance(source, dict):
            named = ((kind, source.get(kind)) for kind in ("step", "pipeline", "task"))
            yield from ((kind, name) for kind, name in named if isinstance(name, str))

    def needed(self, item: Item) -> Iterator[Item]:
        """All that a trigger or model needs, as far as it is there: what runs, and a model's endpoint and trigger."""
        for kind, name in self.sources(item):
            yield from self.builds_on(kind, name)
        if item.kind == "model" and isinstance(item.data, dict):
            source = item.data.get("from")
            trigger = source.get("trigger") if isinstance(source, dict) else None
            for one in (self.find("endpoint", item.data.get("endpoint")), self.find("trigger", trigger)):
                if one is not None:
                    yield one


def used(items: Items) -> frozenset[int]:
    """The positions of all that triggers and models run, as far as they can be read."""
    return frozenset(
        one.index
        for item in items.of(*OURS)
        for kind, name in items.sources(item)
        for one in items.builds_on(kind, name)
    )


def gather(document: Document, findings: Findings) -> Items:
    """Sort the document's elements; report those that nothing reads, and what is odd in those that something does."""
    items = Items()
    for index, element in enumerate(document.value):
        if not isinstance(element, dict):
            hint = "Write a kind and its keys, for example `- step:` and below it `name: train`."
            findings.error((index,), f"an item must be a mapping, not {word_for(element)}", hint)
            continue
        known = [kind for kind in KINDS if kind in element]
        if not known:
            _nothing_reads(index, element, findings)
            continue
        if len(known) > 1:
            _only_first_counts(index, known, findings)
        item = Item(index, known[0], element[known[0]])
        _repeated(item, items, findings)
        items.add(item)
    _oddities(document, items, findings)
    return items


def _nothing_reads(index: int, element: dict[Any, Any], findings: Findings) -> None:
    plural = [key for key in element if isinstance(key, str) and key.removesuffix("s") in KINDS]
    for key in plural or element or ("{}",):
        close = findings.nearest(key, KINDS)
        if key in plural:
            one = key.removesuffix("s")
            close = f"Write each of them as an item of its own: `- {one}:` and below it its `name`."
        findings.warning((index, key), f"nothing reads the item `{clip(key, 60)}`", close, key=True)


def _only_first_counts(index: int, known: list[str], findings: Findings) -> None:
    say = findings.error if set(known) & set(OURS) else findings.warning
    for key in known[1:]:
        message = f"`{key}` is ignored, because the same item has `{known[0]}`"
        say((index, key), message, f"Make it an item of its own: `- {key}:`.", key=True)


def _repeated(item: Item, items: Items, findings: Findings) -> None:
    first = items.find(item.kind, item.name)
    if first is None:
        return
    line = findings.marks.key(first.path).line
    message = f"a second {item.kind} is called `{item.name}` (the first is on line {line})"
    if item.kind in OURS:
        findings.error((*item.path, "name"), message, "Give it another name.", faults=())
    else:
        hint = "The last one counts; give it another name."
        findings.warning((*item.path, "name"), message, hint)


def _oddities(document: Document, items: Items, findings: Findings) -> None:
    read = {item.path: item for item in items.all}
    for oddity in document.oddities:
        item = read.get(oddity.path[:2])
        ours = item is not None and item.kind in OURS
        if oddity.kind == "date" or (oddity.kind == "duplicate" and not ours):
            findings.add("warning", oddity.place, oddity.message, oddity.hint)
        elif item is not None:
            fault = oddity.path if oddity.kind == "unfit" else ()
            findings.fail(item.index, oddity.place, oddity.message, oddity.hint, fault)


def as_list(value: object) -> list[Any]:
    """The value if it is a list, else an empty one: for looking into what no schema has passed yet."""
    return value if isinstance(value, list) else []


def word_for(value: object) -> str:
    """What a person calls this YAML value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
    return "a mapping"
