"""Names that a job gives to its files, read from their metadata (Valohai's file properties). Pure, and it never raises.

`valohai.alias`, `valohai.tags`, `valohai.dataset-versions` and `valohai.model-versions` come from running code: whatever
has another shape becomes a sentence for people, and the rest still counts. Platform addresses are spelled here too.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

MAX_NAME = 200
"""Characters of one name: what the ledger's columns hold."""
MAX_TAGS = 100
LATEST = "latest"

_FORMS = {
    "datum": "datum://<id> or datum://<alias>",
    "dataset": "dataset://<dataset>/<version>",
    "model": "model://<model>/",
}


@dataclass(frozen=True, slots=True)
class Address:
    """`kind://name/version`; a datum has no version. `version` is empty where the address says none."""

    kind: str
    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.kind}://{self.name}" + ("" if self.kind == "datum" else f"/{self.version}")


@dataclass(frozen=True, slots=True)
class Named:
    """A stored output with what its metadata says."""

    id: str
    name: str
    metadata: Mapping[str, Any]


@dataclass(slots=True)
class DatasetVersion:
    """A version that a run wants: its own files, and those of `base` (an address) that no glob of `exclude` matches."""

    dataset: str
    version: str
    """Empty: the next whole number."""
    files: list[str] = field(default_factory=list)
    base: str = ""
    exclude: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ModelVersion:
    """A candidate version of a model that a run wants: its files, tags, and what it says of it."""

    model: str
    files: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """All that one run names, in the order of its files, and the sentences about what could not be read."""

    aliases: Mapping[str, str]
    """Alias -> output."""
    datasets: tuple[DatasetVersion, ...]
    models: tuple[ModelVersion, ...]
    troubles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.aliases or self.datasets or self.models)


def address(text: str) -> Address | None:
    """A platform address taken apart, or None when it is none. The last slash parts name and version."""
    kind, separator, rest = text.strip().partition("://")
    if not separator or kind not in _FORMS:
        return None
    if kind == "datum":
        return Address(kind, rest) if usable(rest) else None
    name, slash, version = rest.rpartition("/")
    if not slash:
        name, version = rest, ""
    return Address(kind, name, version) if usable(name) and (not version or usable(version)) else None


def usable(name: str) -> bool:
    """Whether this can be a name: 1 to 200 printable characters, no space or slash at either end."""
    return 0 < len(name) <= MAX_NAME and name.isprintable() and name == name.strip().strip("/")


def names_of(files: Iterable[Named]) -> Names:
    """What a run's files are to be called, from the metadata of each."""
    return _Reader().read(files)


def kept(pattern_list: Sequence[str], name: str) -> bool:
    """Whether a file of the base version stays: no glob matches its path or, for a glob without a slash, its last part."""
    last = name.rpartition("/")[2]
    return not any(
        fnmatchcase(name, pattern) or ("/" not in pattern and fnmatchcase(last, pattern))
        for pattern in pattern_list
    )


def next_version(known: Iterable[str]) -> str:
    """The version that `dataset://name/` makes: one more than the highest whole number among the known ones."""
    return str(1 + max((int(name) for name in known if _is_number(name)), default=0))


def nearest(wanted: str, known: Iterable[str]) -> str:
    """A hint: the known names, those that look like the wanted one first, ten at most."""
    names = list(dict.fromkeys(known))
    if not names:
        return "There is none yet."
    close = get_close_matches(wanted, names, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    shown = ", ".join(names[:10])
    return f"There are: {shown}{f' and {len(names) - 10} more' if len(names) > 10 else ''}."


class _Reader:
    """Gathers the names of all files of one run."""

    def __init__(self) -> None:
        self._aliases: dict[str, list[Named]] = {}
        self._datasets: dict[tuple[str, str], DatasetVersion] = {}
        self._models: dict[str, ModelVersion] = {}
        self._troubles: list[str] = []

    def read(self, files: Iterable[Named]) -> Names:
        for file in files:
            self._alias(file)
            self._tags(file.metadata.get("valohai.tags"), f"{file.name}: `valohai.tags`")
            for item in self._items(file, "valohai.dataset-versions"):
                self._dataset(file, item)
            for item in self._items(file, "valohai.model-versions"):
                self._model(file, item)
        aliases = {}
        for alias, owners in self._aliases.items():
            if len(owners) == 1:
                aliases[alias] = owners[0].id
            else:
                both = " and ".join(file.name for file in owners[:3])
                self._say(f"the alias {alias} is wanted by {both}: one name cannot mean several files")
        return Names(
            aliases,
            tuple(self._datasets.values()),
            tuple(self._models.values()),
            tuple(dict.fromkeys(self._troubles)),
        )

    def _alias(self, file: Named) -> None:
        alias = file.metadata.get("valohai.alias")
        if alias is None:
            return
        if not isinstance(alias, str) or not usable(alias.removeprefix("datum://")):
            self._say(
                f"{file.name}: `valohai.alias` is one name of at most {MAX_NAME} characters, not {_shown(alias)}"
            )
        elif is_uuid(alias.removeprefix("datum://")):
            self._say(f"{file.name}: the alias {alias} looks like a datum's id and would hide it")
        else:
            self._aliases.setdefault(alias.removeprefix("datum://"), []).append(file)

    def _items(self, file: Named, key: str) -> Sequence[Any]:
        items = file.metadata.get(key)
        if items is None:
            return ()
        if isinstance(items, str | dict):
            return (items,)
        if isinstance(items, list):
            return items
        self._say(f"{file.name}: `{key}` is a list, not {_shown(items)}")
        return ()

    def _dataset(self, file: Named, item: Any) -> None:
        uri = item.get("uri") if isinstance(item, dict) else item
        wanted = self._address(file, "valohai.dataset-versions", "dataset", uri)
        if wanted is None:
            return
        if wanted.version == LATEST:
            self._say(f"{file.name}: {uri} cannot be made: `latest` always means the newest version")
            return
        version = self._datasets.setdefault(
            (wanted.name, wanted.version), DatasetVersion(wanted.name, wanted.version)
        )
        if version.files[-1:] != [file.id]:
            version.files.append(file.id)
        if isinstance(item, dict):
            self._details(file, version, item, str(uri))

    def _details(self, file: Named, version: DatasetVersion, item: Mapping[str, Any], uri: str) -> None:
        self._base(file, version, item, uri)
        _add(version.exclude, self._words(item.get("exclude"), f"{file.name}: `exclude` of {uri}"))
        for word in self._words(item.get("targeting_aliases"), f"{file.name}: `targeting_aliases` of {uri}"):
            given = address(word)
            alias = given.version if given and given.kind == "dataset" and given.version else word
            if alias == LATEST or not usable(alias) or "/" in alias:
                self._say(f"{file.name}: {_shown(alias)} cannot be an alias of {uri}")
            else:
                _add(version.aliases, [alias])
        tags = item.get("valohai.tags", item.get("tags"))
        _add(version.tags, self._tags(tags, f"{file.name}: the tags of {uri}"))
        if item.get("packaging"):
            self._say(f"`packaging` of {uri} is ignored: its files are stored one by one")

    def _base(self, file: Named, version: DatasetVersion, item: Mapping[str, Any], uri: str) -> None:
        base = item.get("from")
        if base is None or item.get("start_fresh") is True:
            return
        found = address(base) if isinstance(base, str) else None
        if found is None or found.kind != "dataset" or not found.version:
            self._say(f"{file.name}: `from` of {uri} is dataset://<dataset>/<version>, not {_shown(base)}")
        elif version.base and version.base != str(found):
            self._say(f"{uri} is made from {version.base}; {found}, which {file.name} names, is left out")
        else:
            version.base = str(found)

    def _model(self, file: Named, item: Any) -> None:
        uri = item.get("model_uri", item.get("uri")) if isinstance(item, dict) else item
        wanted = self._address(file, "valohai.model-versions", "model", uri)
        if wanted is None:
            return
        if wanted.version:
            self._say(
                f"{file.name}: {uri} names a version, which is given here: write model://{wanted.name}/ for the next one"
            )
            return
        version = self._models.setdefault(wanted.name, ModelVersion(wanted.name))
        if version.files[-1:] != [file.id]:
            version.files.append(file.id)
        if not isinstance(item, dict):
            return
        _add(version.tags, self._tags(item.get("model_version_tags"), f"{file.name}: the tags of {uri}"))
        note = item.get("model_release_note")
        if isinstance(note, str):
            version.note = version.note or note
        elif note is not None:
            self._say(f"{file.name}: `model_release_note` is a text, not {_shown(note)}")

    def _address(self, file: Named, key: str, kind: str, uri: Any) -> Address | None:
        found = address(uri) if isinstance(uri, str) else None
        if found is not None and found.kind == kind:
            return found
        self._say(f"{file.name}: an item of `{key}` is {_FORMS[kind]}, not {_shown(uri)}")
        return None

    def _tags(self, value: Any, what: str) -> list[str]:
        tags = [tag for tag in self._words(value, what) if len(tag) <= MAX_NAME]
        if len(tags) > MAX_TAGS:
            self._say(f"{what} are more than {MAX_TAGS}; the first ones are kept")
        return tags[:MAX_TAGS]

    def _words(self, value: Any, what: str) -> list[str]:
        if value is None:
            return []
        if isinstance(value, str):
            return [value]
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            return list(value)
        self._say(f"{what}: a list of words is expected, not {_shown(value)}")
        return []

    def _say(self, sentence: str) -> None:
        self._troubles.append(sentence)


def is_uuid(text: str) -> bool:
    """Whether this is the id of a datum rather than an alias."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _add(to: list[str], words: Iterable[str]) -> None:
    to.extend(word for word in words if word not in to)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
