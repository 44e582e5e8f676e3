"""An agent with everything around it: a web side, a queue, a store, and jobs to send."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redis import Redis

from agent.main import Agent
from agent.runtimes.port import Runtime
from agent.settings import AgentSettings
from queues.connection import connect
from queues.streams import LogStreams
from queues.wakeups import Wakeups
from schemas import final_log, log_lines
from schemas.messages.log import LogRecord
from schemas.messages.result import Result
from schemas.signing import SigningKey
from schemas.values import Secret
from tests.builders import agent_jobs
from tests.builders.agent_web import TOKEN, AgentWeb, Held
from tests.parts.process import PATIENCE


@dataclass
class AgentHouse:
    """`folder` is the agent's own, kept when agents come and go."""

    web: AgentWeb
    folder: Path
    redis_url: str
    key: SigningKey
    runtime: Runtime

    @property
    def settings(self) -> AgentSettings:
        return AgentSettings(
            environment_id=agent_jobs.ENVIRONMENT,
            environment_name="test",
            name="agent-1",
            token=Secret(TOKEN),
            api=self.web.address,
            redis_url=self.redis_url,
            folder=self.folder,
            public_keys=(self.key.public(),),
            slots=4,
            runtime="scripted",
            store_patience=2.0,
            grace=1.0,
        )

    @contextmanager
    def agent(self, **changes: Any) -> Iterator[None]:
        """An agent process (a thread here) that comes, works, and is told to end."""
        stop = threading.Event()
        agent = Agent(replace(self.settings, **changes), self.runtime)
        thread = threading.Thread(target=agent.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def send(self, *commands: str, files: Mapping[str, str] | None = None, **changes: Any) -> Held:
        """Order a job: in the ledger, in the store, in the queue."""
        job, data = agent_jobs.job(*commands, files=files, **changes)
        held = self.web.add(job, data)
        self.wake(held)
        return held

    def wake(self, held: Held) -> None:
        """Send the wake-up of an attempt, once more."""
        job = held.job
        with connected(self.redis_url) as redis:
            Wakeups(redis).send(
                job.environment,
                job.execution,
                job.attempt_number,
                job.delivery,
                agent_jobs.sealed(job, self.key),
            )

    def run(self, *commands: str, **changes: Any) -> Result:
        """Order a job and wait for its result."""
        return self.result(self.send(*commands, **changes))

    def result(self, held: Held) -> Result:
        """The result, when it has come and has been announced."""
        assert held.done.wait(PATIENCE), "the attempt did not finish"
        return self.web.result(held)

    def lines(self, result: Result) -> list[LogRecord]:
        """The final log."""
        assert result.log
        data = self.web.objects["system", result.log.key]
        return [log_lines.decode(line) for line in final_log.read_lines([data])]

    def printed(self, result: Result, stream: str = "stdout") -> list[str]:
        """The messages of one stream of the final log."""
        return [record.message for record in self.lines(result) if record.stream == stream]

    def live(self, held: Held) -> list[LogRecord]:
        """What the live log holds."""
        with connected(self.redis_url) as redis:
            return LogStreams(redis).read(held.job.environment, held.job.attempt)[0]

    def output(self, result: Result, name: str) -> bytes:
        """The stored bytes of an output."""
        [found] = [output for output in result.outputs if output.name == name]
        return self.web.objects[found.store, found.key]


@contextmanager
def connected(url: str) -> Iterator[Redis]:
    """A connection that is closed again."""
    client = connect(url)
    try:
        yield client
    finally:
        client.close()


def seen(condition: Callable[[], bool], event: threading.Event, seconds: float = PATIENCE) -> bool:
    """Whether a condition comes true, looked at after every change that sets `event`."""
    while not condition():
        if not event.wait(seconds):
            return False
        event.clear()
    return True
