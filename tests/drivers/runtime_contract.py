"""What every runtime promises. A driver's test is a subclass with a `runtime` fixture; its commands are the part of `sh`
that the scripted runtime knows too."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.core.command import join
from agent.runtimes.port import FOLDERS, Ended, Image, Needs, Running, Runtime, Spec
from schemas.errors import Refused, Stalled
from tests.parts.process import PATIENCE

AGENT = "contract-agent"
LONG = 500.0
"""Seconds of grace that no test would live to see the end of."""


class Case:
    """One attempt's folders, and the command run in them."""

    def __init__(self, runtime: Runtime, image: Image, root: Path) -> None:
        self.runtime = runtime
        self.attempt = str(uuid.uuid4())
        self.folder, self.own = root / self.attempt / "work", root / self.attempt / "run"
        for name in FOLDERS:
            (self.folder / name).mkdir(parents=True)
            (self.folder / name).chmod(0o777)
        self.image = image
        self.needs = Needs()

    def start(self, *entries: str, **variables: str) -> Running:
        places = self.runtime.places(self.folder)
        command = join(entries).argv(places.config)
        return self.runtime.start(
            Spec(
                self.attempt, str(uuid.uuid4()), AGENT, self.folder, self.own, self.image, command,
                {"OUT": places.outputs, **variables}, needs=self.needs,
            )
        )  # fmt: skip


def read(run: Running, skip: dict[str, int] | None = None) -> dict[str, bytes]:
    """Both streams to their end."""
    streams: dict[str, bytes] = defaultdict(bytes)
    for piece in run.follow(skip or {}):
        streams[piece.stream] += piece.data
    return streams


def finish(run: Running) -> tuple[Ended, dict[str, bytes]]:
    """As an agent does it: one thread waits, one reads."""
    ended: list[Ended] = []
    waiter = threading.Thread(target=lambda: ended.append(run.wait()))
    waiter.start()
    streams = read(run)
    waiter.join(PATIENCE)
    return ended[0], streams


class RuntimeContract:
    """Subclasses give `runtime` and `image`."""

    missing = "missing.invalid/no/such:image"

    @pytest.fixture
    def image(self) -> str:
        return "python:3.12"

    @pytest.fixture
    def case(self, runtime: Runtime, image: str, tmp_path: Path) -> Iterator[Callable[[], Case]]:
        cases: list[Case] = []

        def make() -> Case:
            cases.append(Case(runtime, runtime.resolve(image, False, lambda _: None), tmp_path))
            return cases[-1]

        yield make
        for made in cases:
            run = runtime.adopt(made.attempt, made.own)
            if run:
                run.stop(0)
                finish(run)
                run.remove()

    def test_it_says_what_it_is(self, runtime: Runtime) -> None:
        assert runtime.label

    def test_both_streams_and_the_exit_code_come_back(self, case: Callable[[], Case]) -> None:
        ended, streams = finish(case().start("echo one", "echo two >&2", "exit 3"))
        assert ended.exit_code == 3
        assert streams == {"stdout": b"one\n", "stderr": b"two\n"}

    def test_a_command_that_is_well_ends_with_zero_and_can_be_asked_again(
        self, case: Callable[[], Case]
    ) -> None:
        run = case().start("true")
        assert finish(run)[0] == Ended(0)
        assert run.wait() == Ended(0)
        assert read(run) == {}

    def test_the_first_entry_that_fails_ends_it(self, case: Callable[[], Case]) -> None:
        ended, streams = finish(case().start("echo before", "false", "echo never"))
        assert (ended.exit_code, streams["stdout"]) == (1, b"before\n")

    def test_variables_and_the_outputs_folder_reach_the_command(self, case: Callable[[], Case]) -> None:
        mine = case()
        ended, streams = finish(mine.start('echo "$WORD"', 'echo kept > "$OUT/made.txt"', WORD="of mouth"))
        assert ended.exit_code == 0, streams
        assert streams["stdout"] == b"of mouth\n"
        assert (mine.folder / "outputs" / "made.txt").read_text() == "kept\n"

    def test_output_is_seen_while_it_runs_and_a_stop_ends_it(self, case: Callable[[], Case]) -> None:
        run = case().start("echo begun", "sleep 600", "echo never")
        ended: list[Ended] = []
        waiter = threading.Thread(target=lambda: ended.append(run.wait()))
        waiter.start()
        following = run.follow({})
        assert next(following).data == b"begun\n"
        run.stop(5)
        assert [piece.data for piece in following if piece.stream == "stdout"] == []
        waiter.join(PATIENCE)
        assert ended[0].exit_code not in (0, None)
        run.stop(5)

    @pytest.mark.parametrize(
        "entry", ["echo begun; sleep 600; echo never", "echo begun; sleep 600; sleep 600"]
    )
    def test_after_a_stop_nothing_more_is_started(self, case: Callable[[], Case], entry: str) -> None:
        run = case().start(entry, "echo never")
        following = run.follow({})
        assert next(following).data == b"begun\n"
        ended: list[Ended] = []
        waiter = threading.Thread(target=lambda: ended.append(run.wait()))
        waiter.start()
        run.stop(LONG)
        assert b"never" not in b"".join(piece.data for piece in following)
        waiter.join(PATIENCE)
        assert ended[0].exit_code == 143

    def test_it_never_runs_twice(self, case: Callable[[], Case]) -> None:
        mine = case()
        finish(mine.start("echo once"))
        with pytest.raises(Refused):
            mine.start("echo twice")

    def test_a_run_that_the_agent_left_is_adopted_with_its_log(self, case: Callable[[], Case]) -> None:
        mine = case()
        run = mine.start("echo first", "sleep 1", "echo second", "exit 4")
        waiter = threading.Thread(target=run.wait)
        waiter.start()
        following = run.follow({})
        assert next(following).data == b"first\n"
        run.leave()
        assert list(following) == []
        waiter.join(PATIENCE)
        assert not waiter.is_alive()
        adopted = mine.runtime.adopt(mine.attempt, mine.own)
        assert adopted is not None
        ended, streams = finish(adopted)
        assert ended.exit_code == 4
        assert streams["stdout"] == b"first\nsecond\n"
        assert read(adopted, {"stdout": 6})["stdout"] == b"second\n"

    def test_one_that_ended_meanwhile_is_adopted_too(self, case: Callable[[], Case]) -> None:
        mine = case()
        finish(mine.start("echo done", "exit 5"))
        adopted = mine.runtime.adopt(mine.attempt, mine.own)
        assert adopted is not None
        ended, streams = finish(adopted)
        assert (ended.exit_code, streams["stdout"]) == (5, b"done\n")

    def test_there_is_nothing_to_adopt_where_nothing_was_started(self, case: Callable[[], Case]) -> None:
        mine = case()
        assert mine.runtime.adopt(mine.attempt, mine.own) is None

    def test_many_run_at_once_without_mixing(self, case: Callable[[], Case]) -> None:
        runs = [case().start(f"echo number {n}", f"exit {n}") for n in range(4)]
        assert [finish(run) for run in runs] == [
            (Ended(n), {"stdout": f"number {n}\n".encode()}) for n in range(4)
        ]

    def test_removing_is_idempotent(self, case: Callable[[], Case]) -> None:
        run = case().start("true")
        finish(run)
        run.remove()
        run.remove()


class ImagesContract:
    """For runtimes that have images."""

    missing = "missing.invalid/no/such:image"

    def test_an_image_that_cannot_be_had_is_named_with_the_reason(self, runtime: Runtime) -> None:
        with pytest.raises(Stalled) as caught:
            runtime.resolve(self.missing, False, lambda _: None)
        assert self.missing in caught.value.message
        assert len(caught.value.message) > len(self.missing) + 30

    def test_an_image_has_a_digest(self, runtime: Runtime, image: str) -> None:
        assert runtime.resolve(image, False, lambda _: None).digest.startswith("sha256:")
