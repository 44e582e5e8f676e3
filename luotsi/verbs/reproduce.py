"""`luotsi reproduce`: an old execution again, on this machine, and what is the same. The forge may be gone."""

import json
import tempfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from luotsi import installation, terminal
from luotsi.installation import Installation
from luotsi.options import json_option, settings_option
from luotsi.terminal import line, styled
from schemas import codec
from schemas.errors import ConfigError
from schemas.values import short
from schemas.words import plural

if TYPE_CHECKING:
    from agent.local import LocalRun
    from agent.runtimes.port import Runtime
    from luotsi.here.compare import Finding
    from luotsi.here.recorded import Recorded


@click.command("reproduce")
@click.argument("number")
@click.option("--repository", default=None, help="Needed only when several repositories have that number.")
@click.option("--docker", is_flag=True, help="In a container. Default: as the execution's environment runs.")
@click.option("--process", is_flag=True, help="As a plain process of this machine, which isolates nothing.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="A new folder for its files. Default: a temporary one, removed if all is the same.",
)
@settings_option
@json_option
def command(
    number: str,
    repository: str | None,
    folder: Path | None,
    settings: Path | None,
    as_json: bool,
    **where: bool,
) -> int:
    """Run an execution again from what is stored of it, and compare: outcome, image, inputs, outputs, metadata.

    \b
        luotsi reproduce 12
        luotsi reproduce 12 --folder again --json

    It needs the ledger and the stores, not the repository or its forge. It runs here, with the same archive, parameters,
    data and image digest, and nothing of it is recorded. Its limits are those that it had; one that was stopped is stopped
    after the same time. Ctrl-C ends it and keeps its files. Exit code 0: all is the same; 1: something differs.
    """
    if where["docker"] and where["process"]:
        raise ConfigError("--docker and --process are two ways to run it: choose one")
    from luotsi import wiring
    from luotsi.here import compare, recorded, screen

    opened = installation.opened(settings)
    ledger = wiring.ledger(opened, read_only=True)
    with closing(ledger), ledger.read() as connection:
        found = recorded.find(connection, number, repository)
    stores = wiring.open_stores(opened)
    old = recorded.result_of(found, stores["system"])
    seconds = recorded.stopped_after(found, old)
    runtime = _runtime(opened, found, where["docker"], where["process"])
    place = (
        folder.absolute()
        if folder
        else Path(tempfile.mkdtemp(prefix=f"luotsi-reproduce-{found.row.number}-"))
    )
    run = _prepared(opened, found, runtime, place, stores, seconds)
    new = screen.follow(run, quiet=as_json)
    findings = compare.compare(old, new)
    same = all(finding.same for finding in findings)
    kept = _keep(place, folder is not None or not same or run.interrupted)
    note = _note(run, seconds)
    if as_json:
        terminal.exactly(json.dumps(_json(found, findings, kept, note, codec.to_json(new)), indent=2))
    else:
        _say(found, findings, kept, note)
    return 0 if same else 1


def _note(run: "LocalRun", seconds: float | None) -> str:
    """What a person must know to read the comparison; "" for nothing."""
    from agent.core.outcome import duration

    if run.interrupted:
        return "You ended it: what differs may come of that alone."
    if seconds is not None:
        return f"It was stopped after {duration(seconds)}, and so was this one: what it had made by then depends on the machine."
    return ""


def _runtime(opened: Installation, found: "Recorded", docker: bool, process: bool) -> "Runtime":
    """As the execution's environment has it in the settings, unless a person says otherwise."""
    from luotsi.here import machine

    entry = next((e for e in opened.environments() if e.id == found.row.environment_id), None)
    settings = dict(entry.runtime) if entry else {"kind": "auto"}
    if not docker and not process and settings["kind"] == "process":
        return machine.runtime(docker=False, process=True)
    return machine.runtime(docker, process, settings.get("engine"))


def _prepared(
    opened: Installation,
    found: "Recorded",
    runtime: "Runtime",
    place: Path,
    stores: Any,
    seconds: float | None,
) -> "LocalRun":
    from agent import local
    from luotsi.here import recorded
    from luotsi.here.known import Known

    known = Known.of(opened)
    job = recorded.job_of(found)
    settings = local.settings_of(
        opened.workspace.folder("reproduce"),
        job.environment_name or "here",
        input_folders=known.folders,
        input_buckets=known.buckets,
    )
    secrets = known.secrets_of(job.variable_groups)
    return local.LocalRun(place, job, runtime, settings, stores, secrets, seconds)


def _keep(place: Path, wanted: bool) -> Path | None:
    """The folder, if a person has something to look at in it. What a container's root made may have to stay."""
    import shutil

    if not wanted:
        shutil.rmtree(place, ignore_errors=True)
    return place if wanted or place.exists() else None


def _say(found: "Recorded", findings: "tuple[Finding, ...]", kept: Path | None, note: str) -> None:
    from luotsi.here import compare

    row = found.row
    differs = sum(not finding.same for finding in findings)
    terminal.say()
    if differs:
        verdict = styled(f"✗ {plural(differs, 'thing differs', 'things differ')}", "bold red")
    else:
        verdict = styled("✓ the same", "bold green")
    what = f": #{row.number} {row.step} of {found.repository} at {short(row.sha)}, run again here"
    terminal.say(line(verdict, what))
    for same, words in compare.in_words(findings):
        terminal.say(line("  ", "=" if same else styled("≠", "bold red"), f" {words}"))
    if note:
        terminal.say(f"  {note}")
    if kept:
        terminal.say()
        terminal.say(str(kept))


def _json(
    found: "Recorded", findings: "tuple[Finding, ...]", kept: Path | None, note: str, result: Any
) -> dict[str, Any]:
    return {
        "execution": found.row.id,
        "number": found.row.number,
        "repository": found.repository,
        "same": all(finding.same for finding in findings),
        "note": note,
        "findings": [asdict(finding) for finding in findings],
        "folder": str(kept) if kept else None,
        "result": result,
    }
