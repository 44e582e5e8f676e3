"""What a node changes of its step: the `override`, item by item by name.

Only values are taken. Type, limits and `pass-as` of a parameter stay the step's (contract, sections 1.1 and 2.5).
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Overridden:
    """An override's values. None for a parameter, and no addresses for an input, take the step's default away."""

    parameters: dict[str, Any] = field(default_factory=dict)
    uris: dict[str, tuple[str, ...]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    image: str | None = None
    command: Any = None
    environment: str | None = None
    mounts: Any = None
    autorestart: bool | None = None
    notes: tuple[str, ...] = ()


def overridden(node: Any) -> Overridden:
    """The values of a node's override; none of them when it has no override."""
    override = getattr(node, "override", None)
    if override is None:
        return Overridden()
    original = getattr(override, "_original_data", None) or {}
    variables = override.environment_variables or {}
    return Overridden(
        parameters={name: item.default for name, item in (override.parameters or {}).items()},
        uris={name: addresses(item.default) for name, item in (override.inputs or {}).items()},
        variables={name: str(item.default) for name, item in variables.items() if item.default is not None},
        image=override.image or None,
        command=override.command or None,
        environment=override.environment,
        # The library makes an empty list of no mounts at all; only the file says which of the two it is.
        mounts=override.mounts if override.mounts or "mounts" in original else None,
        autorestart=override.autorestart,
        notes=_notes(override),
    )


def addresses(default: Any) -> tuple[str, ...]:
    """An input's default as a tuple: it may be nothing, one address or a list of them."""
    if not default:
        return ()
    return (default,) if isinstance(default, str) else tuple(default)


TAKEN = ("name", "default", "description")


def _notes(override: Any) -> tuple[str, ...]:
    """What an override says and no value is, which is the step's to say; and presets, which are nobody's here."""
    original = getattr(override, "_original_data", None) or {}
    extra = [
        f"{section}.{key}"
        for section in ("parameters", "inputs", "environment-variables")
        for item in original.get(section) or ()
        for key in item
        if key not in TAKEN
    ]
    notes = []
    if extra:
        notes.append(f"`{'`, `'.join(dict.fromkeys(extra))}` of the override: ignored, the step's counts")
    if override.runtime_config_preset:
        preset = override.runtime_config_preset
        notes.append(f"`runtime-config-preset: {preset}` is ignored: there are no presets here")
    return tuple(notes)
