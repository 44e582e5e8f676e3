"""Files made to exhaust whoever reads them end within bounds that the kernel keeps, and with a problem that is named."""

import itertools
from collections.abc import Callable

import pytest

from tests.builders.bounded import judged

STEP = "- step: {name: s, image: i, command: c}\n"


def aliases() -> str:
    names = "abcdefghijklmnopqrstuvwxyz"
    lines = ["- &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"- &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in itertools.pairwise(names)]
    return "\n".join(lines)


def merges() -> str:
    """Each item merges the one before it twice."""
    lines = ["- step: &s0 {name: s, image: i, command: c}"]
    lines += [f"- step: &s{number + 1} {{<<: [*s{number}, *s{number}]}}" for number in range(500)]
    return "\n".join(lines)


def parameters_of_aliases() -> str:
    """A list of 1,000 parameters, used by 1,000 steps."""
    listed = ", ".join(f"{{name: p{number}}}" for number in range(1000))
    return f"- definitions: &p [{listed}]\n" + "".join(
        f"- step: {{name: s{number}, image: i, command: c, parameters: *p}}\n" for number in range(1000)
    )


def steps(count: int) -> str:
    return "".join(f"- step: {{name: s{number}, image: i, command: c}}\n" for number in range(count))


def pipeline(count: int, edges: str = "[]") -> str:
    nodes = "".join(f"    - {{name: n{number}, type: execution, step: s}}\n" for number in range(count))
    return f"{STEP}- pipeline:\n    name: p\n    edges: {edges}\n    nodes:\n{nodes}"


def every_edge() -> str:
    """100 nodes, each of which waits for all before it."""
    pairs = (f"[n{one}.dependency.x, n{two}.dependency.x]" for two in range(70) for one in range(two))
    return pipeline(70, "[" + ", ".join(pairs) + "]")


def expression() -> str:
    return f"{STEP[:-2]}, stop-condition: {'not ' * 200}a}}\n"


def nested_expression() -> str:
    return f"{STEP[:-2]}, stop-condition: '{'(' * 400}a{')' * 400}'}}\n"


def placeholders() -> str:
    """Every entry asks for every parameter."""
    listed = ", ".join(f"{{name: p{number}, default: {'v' * 50}}}" for number in range(1000))
    return (
        "- step:\n    name: s\n    image: i\n    command:\n"
        + "    - run {parameters}\n" * 3000
        + f"    parameters: [{listed}]\n"
    )


def misspelled() -> str:
    """Many items, each of which is read anew without what is wrong in it."""
    return "".join(
        f"- step: {{nam: s{number}, imag: i, command: c, inputs: [{{nam: a}}, {{name: b, default: x}}]}}\n"
        for number in range(1_000)
    )


def misspelled_nodes() -> str:
    nodes = "".join(f"    - {{nam: n{number}, type: execution, step: s}}\n" for number in range(900))
    edges = ", ".join(f"[n{number}.output.x, n{number + 1}.input.y]" for number in range(900))
    return f"{STEP}- pipeline:\n    name: p\n    edges: [{edges}]\n    nodes:\n{nodes}"


BOMBS: list[tuple[Callable[[], str], str]] = [
    (aliases, "more than 20,000 values, aliases counted as what they name"),
    (merges, "more than 20,000 values"),
    (parameters_of_aliases, "more than 20,000 values"),
    (lambda: "[" * 1_000_000, "nest"),
    (lambda: "".join("  " * level + "- a:\n" for level in range(1000)), "nested more than 50 levels deep"),
    (lambda: "- " * 500_000, "nested more than 50 levels deep"),
    (lambda: "{" * 1_000_000, "nest"),
    (lambda: "# nothing\n" * 10_000_000, "the file has more than 1,048,576 bytes"),
    (lambda: steps(1_000_000), "more than 1,048,576 bytes"),
    (lambda: steps(2_001), "more than 2,000 items in one file"),
    (lambda: pipeline(10_000), "more than 20,000 values"),
    (lambda: pipeline(1_001), "more than 1,000 nodes in one pipeline"),
    (expression, "cannot be read"),
    (nested_expression, "cannot be read"),
    (misspelled, "unknown key `imag`"),
    (misspelled_nodes, "unknown key `nam`"),
]


@pytest.mark.parametrize(
    ("bomb", "message"), BOMBS, ids=[f"{n} {case[1][:40]}" for n, case in enumerate(BOMBS)]
)
def test_threat_17_a_bomb_ends_in_a_named_problem(bomb: Callable[[], str], message: str) -> None:
    verdict = judged(bomb().encode())
    assert not verdict.ok
    assert any(message in problem[2] for problem in verdict.problems), verdict.problems[:3]
    assert len(verdict.problems) <= 201


LARGE: list[Callable[[], str]] = [lambda: steps(1_500), lambda: pipeline(1_000), every_edge, placeholders]


@pytest.mark.parametrize("file", LARGE)
def test_threat_17_what_is_large_and_meant_so_is_read_in_the_same_bounds(file: Callable[[], str]) -> None:
    verdict = judged(file().encode())
    assert verdict.ok, verdict.problems[:3]


def test_the_place_is_where_the_limit_is_passed() -> None:
    (problem,) = judged(steps(2_001).encode()).problems
    assert problem[:2] == (2_001, 3)
    (problem,) = judged(pipeline(1_001).encode()).problems
    assert problem[:2] == (1_006, 7)
