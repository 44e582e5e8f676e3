"""Stand-ins for what nodes of a pipeline will have left, for plans that are made before anything has run."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from controller.core.pipelines.edges import Finished
from schemas.codec import to_json
from schemas.commands import StandIn
from schemas.messages.job import DatumFile


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input's files come from: an address, or the edge of a pipeline (`train.output.*.pkl`)."""

    text: str
    is_edge: bool = False


def finished(
    pipeline: Any,
    name: str,
    parameters: Mapping[str, Any] | None,
    variables: Mapping[str, str],
    count: int = 1,
) -> Finished:
    """What a node that has not run will have left, as far as its edges ask for it. `parameters` None: they are not known.

    `count`: how many values each metric comes with.
    """
    edges = [edge for edge in pipeline.edges if edge.source_node == name]

    def asked(kind: str) -> list[str]:
        """Each once: two edges may ask for one and the same file."""
        return list(dict.fromkeys(edge.source_key for edge in edges if edge.source_type == kind))

    lost = {key: unknown(f"{name}.parameter.{key}") for key in asked("parameter")}
    inputs = [(key, file(key, f"{name}.input.{key}")) for key in asked("input")]
    return Finished(
        outputs=tuple(file(example(key), f"{name}.output.{key}") for key in asked("output")),
        metadata={key: unknown(f"{name}.metadata.{key}", count) for key in asked("metadata")},
        spec={
            "parameters": lost if parameters is None else dict(parameters),
            "environment_variables": dict(variables),
            "inputs": [{"name": example(key), "uris": [], "data": [to_json(one)]} for key, one in inputs],
        },
        facts={key: unknown(f"{name}.deployment.{key}") for key in ("id", "version_id")},
    )


def unknown(name: str, count: int = 1) -> Any:
    """The stand-in for a value; of several, as the executions of a task leave them, a list."""
    if count == 1:
        return StandIn(f"<{name}>")
    return [StandIn(f"<{name}[{place}]>") for place in range(count)]


def example(pattern: str) -> str:
    """A name that a shell pattern fits, as `fnmatch` reads it: a star becomes `x`, a set one of its characters."""
    made, at = "", 0
    while at < len(pattern):
        end = _end_of_set(pattern, at) if pattern[at] == "[" else -1
        if pattern[at] in "*?":
            made += "x"
        elif end > 0:
            made += _one_of(pattern[at : end + 1])
            at = end
        else:
            made += pattern[at]
        at += 1
    return made


def _end_of_set(pattern: str, at: int) -> int:
    """Where the set that begins at `at` closes; -1 where it does not, so that the bracket is only a bracket."""
    begin = at + 2 if pattern[at + 1 : at + 2] == "!" else at + 1
    return pattern.find("]", begin + 1 if pattern[begin : begin + 1] == "]" else begin)


def _one_of(chosen: str) -> str:
    """A character of `[abc]`, or one that is not in `[!abc]`; of a range that runs backwards there is none."""
    return next((sign for sign in (*chosen[1:-1], *"xyz0_A") if fnmatchcase(sign, chosen)), chosen[1:2])


def file(name: str, origin: str) -> DatumFile:
    """A file that is not there yet: `origin` is the edge that will bring it, or the name for data itself."""
    return DatumFile("0" * 8 + "-0000-0000-0000-" + "0" * 12, name, origin, 0, f"sha256:{'0' * 64}")


def sources(described: Mapping[str, Any]) -> tuple[Source, ...]:
    """Where the files of a planned input come from, each once."""
    data = tuple(source(one["key"], one["name"]) for one in described["data"])
    return (*(Source(uri) for uri in described["uris"]), *dict.fromkeys(data))


def source(key: str, name: str) -> Source:
    """An edge's file, or a name for data as it was written, which stands in both places."""
    return Source(key, is_edge=key != name)
