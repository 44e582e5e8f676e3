"""An agent that gets inputs: a web side, strangers' files, a folder of data, and one attempt after another."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import urllib3

from agent import inputs
from agent.claim import Api
from agent.core import config_files
from agent.core.kept import Kept
from agent.inputs import Brought
from agent.objects import Manners, Objects
from agent.orders import Orders
from agent.prepare import resolved
from agent.settings import AgentSettings
from agent.supply import Supply
from agent.transfer import Transfer
from schemas.messages.job import DatumFile, Input, Job
from schemas.values import Secret
from tests.builders import agent_jobs
from tests.builders.agent_web import TOKEN, AgentWeb
from tests.builders.web_files import WebFiles


class Bench:
    """An agent's folder, a web side, strangers' files, a folder of data; `bring` is one attempt that gets its inputs."""

    def __init__(self, web: AgentWeb, strangers: WebFiles, folder: Path) -> None:
        self.web = web
        self.strangers = strangers
        self.data = folder / "data"
        self.data.mkdir()
        self.folder = folder
        self.settings = AgentSettings(
            "0123456789ab", "test", "agent", Secret(TOKEN), web.address, "", folder / "agent", (),
            input_folders=(str(self.data),), store_patience=0.5,
        )  # fmt: skip
        self.orders = Orders()
        self.count = 0
        self.attempt = folder

    def datum(self, name: str, data: bytes, **changes: object) -> DatumFile:
        made = replace(agent_jobs.datum(name, data), **changes)  # type: ignore[arg-type]
        self.web.objects[made.store, made.key] = data
        return made

    def job(self, *described: Input, **changes: Any) -> Job:
        job, data = agent_jobs.job("true", inputs=described, **changes)
        self.web.add(job, data).state = "claimed"
        return job

    def supply(self, job: Job) -> Supply:
        pool = urllib3.PoolManager()
        manners = Manners(
            self.orders.any, self.orders.check_all, lambda _: None, self.settings.store_patience
        )
        api = Api(self.web.address, Secret(TOKEN), pool)
        objects = Objects(api, Transfer(pool), job.attempt, False, manners)
        return Supply.of(job, self.settings, objects)

    def bring(self, *described: Input, after: Brought | None = None, **changes: Any) -> Brought:
        """One attempt's inputs. `after`: what an earlier attempt of the execution took."""
        self.last = self.job(*described, **changes)
        self.count += 1
        self.attempt = self.folder / f"attempt-{self.count}"
        kept = None if after is None else Kept.of(resolved(after.files))
        brought = inputs.bring(self.last, self.attempt / "inputs", self.supply(self.last), kept)
        brought.on_demand.save(self.attempt)
        return brought

    def files(self) -> dict[str, bytes]:
        top = self.attempt / "inputs"
        return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}

    def told(self, brought: Brought) -> Mapping[str, list[dict[str, object]]]:
        """What inputs.json has for each input."""
        said = json.loads(json.dumps(config_files.inputs(self.last, brought.files, "/valohai/inputs")))
        return {name: each["files"] for name, each in said.items()}

    def gets(self, path: str) -> int:
        return (self.strangers.asked + self.web.calls).count(f"GET {path}")
