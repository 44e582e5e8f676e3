"""Patterns in the addresses of stores: `*` stays within a folder, `**` does not, and an address that ends in `/` is all below it.

There is no other special sign, and no way to write a star that is only a star, except `%2A` in a `file://` address.
"""

from dataclasses import dataclass
from functools import cached_property

_ONE = "*"
_ALL = "**"
_FOLDERS = "**/"
"""`**` as a whole folder: also no folder at all, so that `a/**/b` is `a/b` too."""


@dataclass(frozen=True)
class Pattern:
    """A pattern over keys, or a plain key. Matching takes time proportional to the key, whatever the pattern."""

    text: str

    @property
    def is_plain(self) -> bool:
        """Whether it names exactly one key."""
        return "*" not in self.text and not self.text.endswith("/") and bool(self.text)

    @property
    def root(self) -> str:
        """The folder before the first star, with its slash; "" is the top. What lies below it is listed."""
        folder, slash, _ = self.text.partition("*")[0].rpartition("/")
        return folder + slash

    def matches(self, key: str) -> bool:
        """Whether the whole key fits."""
        if not key.startswith(self.root):
            return False
        if "*" not in self.text:
            return key == self.text if self.is_plain else len(key) > len(self.text)
        return self._run(key[len(self.root) :])

    @cached_property
    def _tokens(self) -> tuple[str, ...]:
        return tuple(_tokens(self.text[len(self.root) :]))

    @cached_property
    def _masks(self) -> "_Masks":
        return _Masks.of(self._tokens)

    def _run(self, rest: str) -> bool:
        # A machine whose states are the bits of one number: bit n is "the first n tokens are done".
        masks = self._masks
        state = masks.entered(1)
        for sign in rest:
            stay = state & (masks.all if sign == "/" else masks.any)
            moved = (state & masks.letters.get(sign, 0)) << 1 | (
                state & masks.folders if sign == "/" else 0
            ) << 1
            state = masks.entered(moved | masks.skipped(stay)) | stay
            if not state:
                return False
        return bool(state >> len(self._tokens) & 1)


@dataclass(frozen=True)
class _Masks:
    """For each kind of token, the bits of the states that stand before one."""

    letters: dict[str, int]
    any: int
    all: int
    stars: int
    folders: int

    @classmethod
    def of(cls, tokens: tuple[str, ...]) -> "_Masks":
        letters: dict[str, int] = {}
        one = many = folders = 0
        for place, token in enumerate(tokens):
            bit = 1 << place
            if token == _ONE:
                one |= bit
            elif token == _ALL:
                many |= bit
            elif token == _FOLDERS:
                folders |= bit
            else:
                letters[token] = letters.get(token, 0) | bit
        return cls(letters, one | many | folders, many | folders, one | many, folders)

    def skipped(self, state: int) -> int:
        """Where a star that has taken enough lets go. `**/` lets go after a slash only."""
        return (state & self.stars) << 1

    def entered(self, state: int) -> int:
        """Every state that is reached without a sign."""
        while True:
            more = state | (state & (self.stars | self.folders)) << 1
            if more == state:
                return state
            state = more


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    place = 0
    while place < len(text):
        if text[place] != "*":
            tokens.append(text[place])
            place += 1
            continue
        end = place
        while end < len(text) and text[end] == "*":
            end += 1
        begins = place == 0 or text[place - 1] == "/"
        if end - place == 1:
            tokens.append(_ONE)
        elif begins and text[end : end + 1] == "/":
            tokens.append(_FOLDERS)
            end += 1
        else:
            tokens.append(_ALL)
        place = end
    if text.endswith("/"):
        tokens.append(_ALL)
    return tokens
