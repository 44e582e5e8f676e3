"""What `.gitattributes` keeps out of snapshots is what git says, asked about the same files."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.git.export_ignore import Rules
from controller.git.wildmatch import parse_pattern
from schemas.errors import ConfigError
from tests.builders.git_repository import GitRepository

FOLDERS = ["a", "b", "a/b", "a/b/c", "docs"]
FILES = [
    "x",
    "x.md",
    "A",
    "ab",
    "a/x",
    "a/y.md",
    "a/b/x",
    "a/b/c/x",
    "a/b/c/[z]",
    "b/a",
    "docs/a",
    "docs/*",
    "a-b",
]

TABLE = """
*.md export-ignore
/docs export-ignore
docs/ export-ignore
a/** export-ignore
a/** -export-ignore
**/x export-ignore
a/**/x export-ignore
**/b/** export-ignore
a** export-ignore
a/b export-ignore
/x export-ignore
a*x export-ignore
a/*/c export-ignore
? export-ignore
[a-b] export-ignore
[!a] export-ignore
[^a-b]* export-ignore
[[:alpha:]] export-ignore
[[:nothing:]] export-ignore
[[:upper:]-]* export-ignore
[]a] export-ignore
[a-]* export-ignore
[a export-ignore
\\\\[z\\\\] export-ignore
docs/\\\\* export-ignore
a\\\\ export-ignore
"x" export-ignore
"\\\\170" export-ignore
"x export-ignore
!x export-ignore
# x export-ignore
  x   text export-ignore   eol=lf
x export-ignore -export-ignore
x -export-ignore export-ignore
x export-ignore=yes
x !export-ignore
* export-ignore\\na -export-ignore
* export-ignore\\n*.md !export-ignore
[attr]secret export-ignore\\nx secret
[attr]secret export-ignore\\nx secret\\nx -secret
[attr]secret export-ignore\\nx secret -export-ignore
[attr]outer inner\\n[attr]inner export-ignore\\nx outer
[attr]one two\\n[attr]two one\\nx one
[attr]secret export-ignore\\nx -secret
\\\\x export-ignore
x
export-ignore
"x": export-ignore
"x"export-ignore
x export-ignore n:me
x export-ignore --text
x export-ignore !
x export-ignore =yes
x export-ignore -
x export-ignore text\\ff
x\\f export-ignore
x\\f export-ignore\\nx text\\fexport-ignore
[attr]n:me export-ignore\\nx export-ignore\\nx n:me
[attr]-name export-ignore\\nx export-ignore
[attr]name export-ignore w:rd\\nx name
[attr] name export-ignore\\nx name
x export-ignore text=a:b
""".strip().splitlines()


def ask_git(work: GitRepository, paths: list[str]) -> dict[str, bool]:
    """git's own answer about paths of the working tree; a folder ends in a slash."""
    answer = work.raw("check-attr", "-z", "--stdin", "export-ignore", stdin="\0".join(paths).encode() + b"\0")
    words = answer.decode().split("\0")
    return {words[at]: words[at + 2] == "set" for at in range(0, len(words) - 1, 3)}


def ask_us(files: dict[str, bytes], paths: list[str]) -> dict[str, bool]:
    answers = {}
    for path in paths:
        folder, plain = path.endswith("/"), path.rstrip("/")
        rules = Rules()
        for above in ["", *[f"{plain[:at]}/" for at, c in enumerate(plain) if c == "/"]]:
            if f"{above}.gitattributes" in files:
                rules = rules.below(above.encode(), files[f"{above}.gitattributes"])
        answers[path] = rules.ignored(plain.encode(), folder)
    return answers


def assert_same(work: GitRepository, files: dict[str, bytes]) -> None:
    for name in ["", *[f"{folder}/" for folder in FOLDERS]]:
        (work.path / name).mkdir(parents=True, exist_ok=True)
        (work.path / name / ".gitattributes").unlink(missing_ok=True)
    for name, text in files.items():
        (work.path / name).write_bytes(text)
    paths = FILES + [f"{folder}/" for folder in FOLDERS]
    assert ask_us(files, paths) == ask_git(work, paths), files


@pytest.mark.parametrize("line", TABLE)
def test_each_form_means_what_it_means_to_git(work: GitRepository, line: str) -> None:
    assert_same(
        work,
        {
            ".gitattributes": line.replace("\\n", "\n").replace("\\f", "\f").replace("\\\\", "\\").encode()
            + b"\n"
        },
    )


def test_deeper_and_later_files_win(work: GitRepository) -> None:
    assert_same(
        work,
        {
            ".gitattributes": b"x export-ignore\n/a/b export-ignore\n[attr]secret export-ignore\n",
            "a/.gitattributes": b"x -export-ignore\ny.md secret\n[attr]mine export-ignore\nx.md mine\n",
            "a/b/.gitattributes": b"/x export-ignore\r\nc/x !export-ignore\r\n",
        },
    )


def test_odd_files_are_read_as_git_reads_them(work: GitRepository) -> None:
    assert_same(
        work, {".gitattributes": b"\xef\xbb\xbfx export-ignore\n\xff\xfe\0 export-ignore\nA export-ignore"}
    )
    assert_same(work, {".gitattributes": b"x export-ignore " + b"y" * 2048 + b"\n"})


words = st.text(alphabet='abxy.md*?/[]!^-\\:"', min_size=1, max_size=8)
values = st.sampled_from(["export-ignore", "-export-ignore", "!export-ignore", "m", "-m", "!m"])
lines = st.lists(st.tuples(words, values), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=lines, deep=lines)
def test_any_rules_mean_the_same_to_git(
    work: GitRepository, top: list[tuple[str, str]], deep: list[tuple[str, str]]
) -> None:
    def text(rules: list[tuple[str, str]]) -> bytes:
        return "".join(f"{pattern} {value}\n" for pattern, value in rules).encode()

    assert_same(
        work, {".gitattributes": b"[attr]m export-ignore\n" + text(top), "a/.gitattributes": text(deep)}
    )


def test_a_pattern_cannot_take_forever() -> None:
    started = time.monotonic()
    name = parse_pattern(b"a*" * 1000 + b"b")
    path = parse_pattern(b"**/a/" * 300 + b"b")
    assert name is not None
    assert path is not None
    assert not name.matches(b"a" * 255, False)
    assert not path.matches(b"/".join([b"a"] * 1500), False)
    assert time.monotonic() - started < 20


def test_there_are_limits() -> None:
    with pytest.raises(ConfigError, match="1000 rules"):
        Rules().below(b"", b"x export-ignore\n" * 1001)
    Rules().below(b"", b"x text\n" * 5000)
