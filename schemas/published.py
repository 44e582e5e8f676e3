"""The JSON Schemas of all messages as files, for who writes an agent or reads records in another language.

`python -m schemas.published` writes them; a test holds them to the classes.
"""

import json
import pkgutil
from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path

import schemas.messages
from schemas import codec

FOLDER = Path(__file__).parent / "json" / "messages"


def messages() -> Iterator[type]:
    """Every message class, by module and place."""
    for module in pkgutil.iter_modules(schemas.messages.__path__):
        loaded = import_module(f"schemas.messages.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and is_dataclass(value) and value.__module__ == loaded.__name__:
                yield value


def texts() -> dict[str, str]:
    """File name -> text of each schema."""
    return {
        f"{message.__name__}.schema.json": json.dumps(codec.schema_of(message), indent=2) + "\n"
        for message in messages()
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
