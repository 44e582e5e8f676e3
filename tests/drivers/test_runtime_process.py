"""Processes of this machine: the contract, and what only real processes can do to us."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.runtimes import load, sessions
from agent.runtimes.port import Running, Runtime
from schemas.errors import Stalled
from tests.drivers.runtime_contract import Case, RuntimeContract, finish
from tests.parts.process import PATIENCE, until


class TestProcessRuntime(RuntimeContract):
    @pytest.fixture
    def runtime(self) -> Runtime:
        return load("process", {"unsafe": True})

    def test_children_that_hold_the_streams_do_not_hold_up_the_end(self, case: Callable[[], Case]) -> None:
        mine = case()
        ended, _ = finish(mine.start("sleep 600 & (setsid sleep 600 &) ; echo parent ends"))
        assert ended.exit_code == 0
        assert list(sessions.belonging(mine.attempt, 0)) == []

    def test_the_job_hears_sigterm_and_may_tidy_up(self, case: Callable[[], Case]) -> None:
        script = "import signal,sys,time; signal.signal(15, lambda *_: (time.sleep(0.5), print('tidy'), sys.exit(7))); print('up', flush=True); time.sleep(600)"
        run = case().start(f'{sys.executable} -c "{script}"; exit $?')
        following = run.follow({})
        assert next(following).data == b"up\n"
        _terminate(run)
        assert b"".join(piece.data for piece in following) == b"tidy\n"
        assert run.wait().exit_code == 7

    def test_who_ignores_sigterm_is_killed(self, case: Callable[[], Case]) -> None:
        run = case().start("trap '' TERM; echo up; while true; do sleep 600; done")
        following = run.follow({})
        assert next(following).data == b"up\n"
        _terminate(run, grace=0.1)
        list(following)
        assert run.wait().exit_code == 128 + signal.SIGKILL

    def test_it_outlives_the_process_that_started_it(self, runtime: Runtime, tmp_path: Path) -> None:
        mine = Case(runtime, runtime.resolve("any", False, print), tmp_path)
        starter = textwrap.dedent(f"""
            import os, signal
            from pathlib import Path
            from agent.runtimes import load
            from agent.runtimes.port import Image, Spec
            spec = Spec({mine.attempt!r}, "e", "a", Path({str(mine.folder)!r}), Path({str(mine.own)!r}), Image("i", "", ""),
                        ("/bin/sh", "-c", "echo one; sleep 1; echo two; exit 9"))
            load("process", {{"unsafe": True}}).start(spec)
            os.kill(os.getpid(), signal.SIGKILL)
        """)
        done = subprocess.run(
            [sys.executable, "-c", starter], cwd=Path(__file__).parents[2], capture_output=True
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        until(lambda: runtime.adopt(mine.attempt, mine.own) is not None)
        adopted = runtime.adopt(mine.attempt, mine.own)
        assert adopted is not None
        ended, streams = finish(adopted)
        assert (ended.exit_code, streams["stdout"]) == (9, b"one\ntwo\n")

    def test_a_shell_that_is_killed_from_outside_has_vanished(self, case: Callable[[], Case]) -> None:
        mine = case()
        run = mine.start("echo up; sleep 600")
        following = run.follow({})
        next(following)
        pid = int((mine.own / "identity").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        ended = run.wait()
        assert ended.exit_code is None
        assert "ended from outside" in ended.note
        assert not list(sessions.belonging(mine.attempt, pid))

    def test_a_pid_that_belongs_to_another_process_now_is_not_adopted_as_alive(
        self, case: Callable[[], Case]
    ) -> None:
        mine = case()
        finish(mine.start("echo done"))
        stat = Path("/proc/self/stat").read_text()
        (mine.own / "identity").write_text(
            stat.replace(f" {stat.rsplit(')', 1)[1].split()[19]} ", " 1 ") + sessions.boot()
        )
        adopted = mine.runtime.adopt(mine.attempt, mine.own)
        assert adopted is not None
        assert finish(adopted)[0].exit_code == 0

    def test_variables_that_would_load_code_into_our_shell_are_left_out(
        self, case: Callable[[], Case]
    ) -> None:
        _, streams = finish(case().start('echo "[$LD_PRELOAD]"', LD_PRELOAD="/tmp/evil.so"))
        assert streams == {"stdout": b"[]\n"}

    def test_much_output_on_both_streams_is_whole(self, case: Callable[[], Case]) -> None:
        script = "import sys\nfor n in range(200000): print(n); print(n, file=sys.stderr)"
        mine = case()
        (mine.folder / "repository" / "much.py").write_text(script)
        ended, streams = finish(mine.start(f"{sys.executable} much.py"))
        whole = "".join(f"{n}\n" for n in range(200_000)).encode()
        assert ended.exit_code == 0
        assert streams == {"stdout": whole, "stderr": whole}


def _terminate(run: Running, grace: float = 20) -> None:
    waiter = threading.Thread(target=run.wait)
    waiter.start()
    run.stop(grace)
    waiter.join(PATIENCE)


if shutil.which("bwrap"):

    class TestSandboxedProcessRuntime(RuntimeContract):
        @pytest.fixture
        def runtime(self) -> Runtime:
            return load("process", {})

        def test_it_sees_only_its_own_and_writes_only_where_it_may(
            self, case: Callable[[], Case], tmp_path: Path
        ) -> None:
            mine, other = case(), case()
            (mine.folder / "inputs" / "a").write_text("input")
            (other.folder / "outputs" / "secret").write_text("of another")
            ended, streams = finish(
                mine.start(
                    "cat $OUT/../inputs/a",
                    f"! cat {other.folder}/outputs/secret",
                    "! touch $OUT/../inputs/b",
                    "! touch /etc/luotsi-was-here",
                    "[ $(ps ax 2>/dev/null | wc -l) -lt 20 ]",
                    "touch $OUT/made",
                )
            )
            assert (ended.exit_code, streams["stdout"]) == (0, b"input"), streams
            assert (mine.folder / "outputs" / "made").exists()
            assert not Path("/etc/luotsi-was-here").exists()


def test_without_isolation_it_must_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Stalled, match="unsafe: true"):
        load("process", {})
    assert "no isolation" in load("process", {"unsafe": True}).label


def test_a_sandbox_that_does_not_work_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'no permission to create a namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Stalled, match="no permission to create a namespace"):
        load("process", {})
