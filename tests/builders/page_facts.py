"""What tests read out of a page: its addresses, its scripts, and every attribute that could run something."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

BLOCKS = {"td", "th", "tr", "p", "li", "dt", "dd", "h1", "h2", "h3", "a", "div"}
LINKS = {"href", "src", "action", "data-events", "data-line"}


@dataclass
class Facts:
    """Everything of interest in one page."""

    links: list[str] = field(default_factory=list)
    inline_scripts: list[str] = field(default_factory=list)
    dangerous_attributes: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.facts = Facts()
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.facts.tags.append(tag)
        if tag in BLOCKS:
            self.facts.text += " "
        self._in_script = tag == "script"
        for name, value in attrs:
            if name in LINKS:
                self.facts.links.append(value or "")
            if name.startswith("on") or name in ("style", "srcdoc", "formaction"):
                self.facts.dangerous_attributes.append(f"{tag} {name}={value}")
            if name == "id":
                self.facts.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.facts.inline_scripts.append(data)
        self.facts.text += data


def read(page: str) -> Facts:
    """The facts of a page."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.facts
