"""What every attempt of an agent works with: the ports, bundled."""

from dataclasses import dataclass

from agent.claim import Api
from agent.jobs_api import JobsApi
from agent.runtimes.port import Runtime
from agent.settings import AgentSettings
from agent.transfer import Transfer
from queues.streams import LogStreams


@dataclass(frozen=True, slots=True)
class Tools:
    """Shared by all attempts of an agent."""

    settings: AgentSettings
    api: Api
    transfer: Transfer
    runtime: Runtime
    streams: LogStreams
    jobs_api: JobsApi
