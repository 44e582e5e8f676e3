"""Two sessions say together what one would have said, whatever happens to either."""

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from tests.run.__main__ import plan, run
from tests.unit.run.conftest import ROOT, Tree

MIXED = """
import pytest, warnings

@pytest.fixture
def broken(): raise ValueError("no such luck")

@pytest.fixture
def untidy():
    yield
    raise ValueError("left a mess")

def test_passes(): pass

@pytest.mark.parametrize("n", [1, 2])
def test_fails(n):
    print("printed before")
    assert n == 3

def test_meets_a_broken_fixture(broken): pass
def test_leaves_a_mess(untidy): pass

@pytest.mark.skip(reason="not today")
def test_is_skipped(): pass

@pytest.mark.xfail
def test_fails_as_expected(): assert False

def test_warns(): warnings.warn("old")

@pytest.mark.skipif(True, reason="nor this")
def test_deselected(): pass
"""
COUNTS = re.compile(r"=+ (.*) in [\d.]+ ?s.* =+")


def two(root: Path, *arguments: str) -> tuple[int, str]:
    """Both sessions over a tree: the code, and what was printed."""
    out = StringIO()
    return run(root, root / "out", arguments, out), out.getvalue()


def last_line(text: str) -> str:
    found = COUNTS.fullmatch(text.splitlines()[-1])
    assert found, text
    return found[1]


def test_two_sessions_count_what_one_counts(tree: Tree) -> None:
    root = tree(MIXED, MIXED, **{"tests/drivers/test_three.py": MIXED, "tests/test_four.py": ""})
    chosen = ("-k", "not deselected")
    one = subprocess.run(
        [sys.executable, "-m", "pytest", *chosen], cwd=root, capture_output=True, text=True, check=False
    )
    code, said = two(root, *chosen)
    assert last_line(said) == last_line(one.stdout)
    assert (code, one.returncode) == (1, 1)
    assert "6 failed, 10 passed, 3 skipped, 3 deselected, 3 xfailed, 3 warnings, 6 errors" in said


def test_failures_and_errors_are_printed_in_full(tree: Tree) -> None:
    code, said = two(tree(rest=MIXED))
    assert code == 1
    for words in (
        " ERRORS =",
        " ERROR at setup of tests/unit/test_two.py::test_meets_a_broken_fixture _",
        "no such luck",
        " ERROR at teardown of tests/unit/test_two.py::test_leaves_a_mess _",
        "left a mess",
        " FAILURES =",
        " tests/unit/test_two.py::test_fails[1] _",
        "assert 1 == 3",
        "--- Captured stdout call ---\nprinted before",
        "SKIPPED [1] tests/unit/test_two.py:22: not today",
        "FAILED tests/unit/test_two.py::test_fails[2]",
    ):
        assert words in said, words


@pytest.mark.parametrize(("parts", "rest", "code"), [(1, 1, 0), (0, 1, 1), (1, 0, 1), (0, 0, 1)])
def test_all_is_well_where_both_are(tree: Tree, parts: int, rest: int, code: int) -> None:
    bodies = [f"def test_it(): assert {good}\n" for good in (parts, rest)]
    found, said = two(tree(*bodies))
    failed, passed = 2 - parts - rest, parts + rest
    assert found == code
    expected = [f"{n} {word}" for n, word in ((failed, "failed"), (passed, "passed")) if n]
    assert last_line(said) == ", ".join(expected)


ENDS = {
    "leaves with code 0": ("import os\ndef test_it(): os._exit(0)\n", "ended with code 0"),
    "is killed": ("import os\ndef test_it(): os.kill(os.getpid(), 9)\n", "was ended by SIGKILL"),
    "asks pytest to leave": ("import pytest\ndef test_it(): pytest.exit('enough')\n", "ended with code 2"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("first", [True, False])
def test_a_session_that_breaks_off_is_an_error_and_says_where(tree: Tree, end: str, first: bool) -> None:
    body, how = ENDS[end]
    root = tree(body if first else "", "" if first else body)
    code, said = two(root)
    share, file = ("parts", "tests/e2e/test_one.py") if first else ("rest", "tests/unit/test_two.py")
    assert code == 1
    assert f"the session {share} {how} in {file}::test_it; it printed at last:" in said
    assert "test session starts" in said
    assert last_line(said) == "1 passed, 1 error"


@pytest.mark.parametrize(
    ("body", "words"),
    [("import no_such_module\n", "No module named 'no_such_module'"), ("def test_it(:\n", "SyntaxError")],
)
def test_a_file_that_cannot_be_collected_is_one_error(tree: Tree, body: str, words: str) -> None:
    code, said = two(tree(rest=body))
    assert (code, last_line(said)) == (1, "1 passed, 1 error")
    assert "ERROR collecting tests/unit/test_two.py" in said
    assert words in said


def test_a_session_without_tests_is_an_error(tree: Tree) -> None:
    code, said = two(tree(rest="a = 1\n"))
    assert (code, last_line(said)) == (1, "1 passed, 1 error")
    assert "the session rest ended with code 5" in said


def test_the_whole_output_of_each_session_is_kept(tree: Tree) -> None:
    root = tree()
    _, said = two(root)
    for share, file in (("parts", "tests/e2e/test_one.py"), ("rest", "tests/unit/test_two.py")):
        kept = root / "out" / f"{share}.txt"
        assert re.search(rf"^{share} +1 passed in \d+ s \(\d+ s of CPU\): {kept}$", said, re.MULTILINE)
        assert f"{file} ." in kept.read_text()
        assert (root / ".pytest_cache" / share).is_dir()


def test_what_an_earlier_run_left_counts_for_nothing(tree: Tree) -> None:
    root = tree(MIXED, MIXED)
    assert two(root)[0] == 1
    code, said = two(tree())
    assert (code, last_line(said)) == (0, "2 passed")
    code, said = two(root, "--no-such-option")
    assert (code, last_line(said)) == (1, "2 errors")
    assert "unrecognized arguments: --no-such-option" in said


def test_one_table_tells_what_ran_in_either(tree: Tree) -> None:
    asks = "import pytest\n@pytest.mark.usefixtures('git')\ndef test_it(): pass\n"
    root = tree(rest=asks, **{"conftest.py": "pytest_plugins = ['tests.parts.fixtures']\n"})
    code, said = two(root)
    assert code == 0
    assert said.count(" real parts =") == 1
    assert re.search(r"^git +ran +\d", said, re.MULTILINE)
    assert re.search(r"^PostgreSQL +not asked +apt-get install", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "cores", "expected"),
    [
        ([], 2, (False, ["-m", "not slow"])),
        ([], 1, (True, ["-m", "not slow"])),
        (["--slow"], 2, (False, [])),
        (["--slow"], 1, (True, [])),
        (["-k", "x"], 8, (True, ["-m", "not slow", "-k", "x"])),
        (["--slow", "tests/unit"], 8, (True, ["tests/unit"])),
    ],
)
def test_who_asks_for_something_gets_plain_pytest(
    arguments: list[str], cores: int, expected: tuple[bool, list[str]]
) -> None:
    assert plan(arguments, cores) == expected


def test_the_command_hands_arguments_to_pytest() -> None:
    asked = ["tests/unit/run/test_run.py", "--collect-only", "-k", "hands_arguments"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.run", *asked], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "<Function test_the_command_hands_arguments_to_pytest>" in done.stdout
