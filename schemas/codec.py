"""Messages as dataclasses and as JSON: one description, three uses (JSON Schema, reading, writing).

A message is a frozen dataclass whose fields are str, int, float, bool, None unions, tuples, `dict[str, T]`, `Json`,
string enums or other such dataclasses. `Annotated[str, Pattern(...)]` narrows a string. The schema is JSON Schema 2020-12.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from jsonschema import Draft202012Validator

from schemas.errors import Refused

Json = Any
"""Any JSON value: what a user's own metadata may hold."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression (ECMA 262, as JSON Schema wants it) that a string must match.

    Patterns here end in `$(?!\\n)`: Python, unlike ECMA, lets `$` match before a newline at the end.
    """

    regex: str


Uuid = Annotated[str, Pattern("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$(?!\\n)")]
EnvironmentId = Annotated[str, Pattern("^[0-9a-f]{12}$(?!\\n)")]
ShaText = Annotated[str, Pattern("^([0-9a-f]{40}|[0-9a-f]{64})$(?!\\n)")]
Sha256 = Annotated[str, Pattern("^sha256:[0-9a-f]{64}$(?!\\n)")]
Moment = Annotated[
    str, Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?\\+00:00$(?!\\n)")
]


def schema_of(message: type) -> dict[str, Json]:
    """The JSON Schema of a message class, with every nested message inline. Unknown keys are refused."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": message.__name__,
        **_object_schema(message),
    }


def check(message: type, value: Json) -> None:
    """Raise `Refused` unless `value` is what the schema of `message` describes."""
    error = next(iter(_validator(message).iter_errors(value)), None)
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path) or "the top"
        raise Refused(f"not a valid {message.__name__} message: {error.message[:300]} (at {where})")


def read(message: type[T], text: bytes | str) -> T:
    """Parse and check JSON text into a message. Raises `Refused` for anything else than that message."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not a valid {message.__name__} message: it is not JSON ({error})") from error
    return from_json(message, value)


def from_json(message: type[T], value: Json) -> T:
    """Check a parsed JSON value and build the message from it. Raises `Refused`."""
    check(message, value)
    return cast(T, _build(message, value))


def to_json(message: object) -> dict[str, Json]:
    """The JSON value of a message, ready for `json.dumps`."""
    return cast("dict[str, Json]", _plain(message))


def write(message: object) -> bytes:
    """Canonical bytes of a message. Equal messages give equal bytes."""
    return write_json(to_json(message))


def write_json(value: Json) -> bytes:
    """Canonical bytes of a JSON value: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


@cache
def _validator(message: type) -> Draft202012Validator:
    return Draft202012Validator(schema_of(message))


@cache
def _hints(message: type) -> dict[str, Any]:
    return get_type_hints(message, include_extras=True)


def _object_schema(message: type) -> dict[str, Json]:
    fields = dataclasses.fields(message)
    return {
        "type": "object",
        "properties": {field.name: _schema(_hints(message)[field.name]) for field in fields},
        "required": [
            field.name
            for field in fields
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        ],
        "additionalProperties": False,
    }


_SCALARS: dict[object, dict[str, Json]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    types.NoneType: {"type": "null"},
    Any: {},
}


def _schema(hint: Any) -> dict[str, Json]:
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [member.value for member in hint]}
    if dataclasses.is_dataclass(hint):
        return _object_schema(cast(type, hint))
    return _generic_schema(hint, get_origin(hint), get_args(hint))


def _generic_schema(hint: Any, origin: Any, args: tuple[Any, ...]) -> dict[str, Json]:
    if origin is Annotated:
        narrowed = _schema(args[0])
        for extra in args[1:]:
            if isinstance(extra, Pattern):
                narrowed["pattern"] = extra.regex
        return narrowed
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(arm) for arm in args]}
    if origin is tuple:
        return {"type": "array", "items": _schema(args[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(args[1])}
    if origin is typing.Literal:
        return {"enum": list(args)}
    raise TypeError(f"a message cannot hold {hint!r}")


def _build(hint: Any, value: Json) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _build(args[0], value)
    if origin in (Union, types.UnionType):
        return None if value is None else _build(_arm(args, value), value)
    if origin is tuple:
        return tuple(_build(args[0], item) for item in value)
    if origin is dict:
        return {key: _build(args[1], item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    if dataclasses.is_dataclass(hint):
        hints = _hints(cast(type, hint))
        return cast(type, hint)(**{name: _build(hints[name], item) for name, item in value.items()})
    return value


def _arm(args: tuple[Any, ...], value: Json) -> Any:
    arms = [arm for arm in args if arm is not types.NoneType]
    if len(arms) == 1:
        return arms[0]
    return next(arm for arm in arms if Draft202012Validator(_schema(arm)).is_valid(value))


def _plain(value: Any) -> Json:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
