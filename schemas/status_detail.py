"""What a running job says of itself (contract 5.6), as one line of text. The agent and the web side clean it alike."""

LONGEST = 1000
"""Characters."""


def clean(text: str) -> str:
    """One line without control characters, at most `LONGEST` characters, and nothing that a database cannot hold."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 10 * LONGEST])
    return " ".join(shown.split())[:LONGEST]
