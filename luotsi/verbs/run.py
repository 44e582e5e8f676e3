"""`luotsi run`: one step of the working tree, here, by the code that agents run. Nothing is committed, pushed or recorded."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from luotsi import terminal
from luotsi.options import json_option
from schemas import codec
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from agent.local import LocalRun
    from agent.runtimes.port import Runtime
    from luotsi.here.known import Known
    from luotsi.here.tree import Tree, Wishes


@click.command("run")
@click.argument("step")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="May be given several times."
)
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=URI", help="An address, or a path of this machine."
)
@click.option("--environment-variable", "variables", multiple=True, metavar="NAME=VALUE")
@click.option("--image", default=None, help="Instead of the step's own.")
@click.option(
    "--docker", is_flag=True, help="In a container, or not at all. The default where an engine answers."
)
@click.option("--process", is_flag=True, help="As a plain process of this machine, which isolates nothing.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="A new folder for its files. Default: .luotsi/runs/NUMBER-STEP in the repository.",
)
@click.option(
    "--settings",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="Take variable groups, mounts and access to inputs from this luotsi.yaml.",
)
@json_option
def command(
    step: str,
    folder: Path | None,
    settings: Path | None,
    as_json: bool,
    docker: bool,
    process: bool,
    **given: Any,
) -> int:
    """Run a step with the files as they are now, committed or not; ignored ones stay out, as on an agent.

    \b
        luotsi run train
        luotsi run train --parameter epochs=2 --input data=./sample.csv
        luotsi run train --process

    Its repository, inputs, outputs, logs and result stay in a folder, which is said last. Needs no installation.
    Exit code 0: success; 1: the step failed; 3: it could not be run here. Ctrl-C ends the command and keeps its files.
    """
    if docker and process:
        raise ConfigError("--docker and --process are two ways to run it: choose one")
    from luotsi.here import machine, screen
    from luotsi.here.known import Known
    from luotsi.here.tree import Tree

    tree, known = Tree.around(Path()), Known.read(settings)
    wishes = _wishes(tree.step(step).environment, known, given)
    runtime = machine.runtime(docker, process)
    with tempfile.TemporaryDirectory(prefix="luotsi-run-") as draft:
        run = _prepared(tree, step, wishes, known, runtime, folder, Path(draft))
        result = screen.follow(run, quiet=as_json)
    if as_json:
        terminal.exactly(json.dumps({"folder": str(run.folder), "result": codec.to_json(result)}, indent=2))
    else:
        screen.summary(result, run.folder)
    return 0 if result.outcome == "complete" else 1


def _wishes(environment: str | None, known: "Known", given: Mapping[str, Any]) -> "Wishes":
    from luotsi.here.tree import Wishes, pairs

    return Wishes(
        parameters=pairs(given["parameters"], "--parameter epochs=2"),
        inputs=pairs(given["inputs"], "--input data=./sample.csv"),
        variables={n: v[-1] for n, v in pairs(given["variables"], "--environment-variable DEBUG=1").items()},
        image=given["image"],
        groups=known.groups,
        secrets=known.secrets,
        mounts=known.mounts(environment),
        joiner=known.joiner,
    )


def _prepared(
    tree: "Tree",
    step: str,
    wishes: "Wishes",
    known: "Known",
    runtime: "Runtime",
    folder: Path | None,
    draft: Path,
) -> "LocalRun":
    """The run, ready to go. Its archive is made before its folder, which may lie in the tree, is there."""
    import stores
    from agent import local
    from luotsi.here.tree import RUNS, input_folders, job, number_of

    archive = draft / "code.tar.zst"
    asked = job(tree, step, wishes, archive)
    place = folder.absolute() if folder else tree.free_folder(asked.step)
    store = stores.load("folder", "system", {"path": draft / "store"})
    store.put(asked.archive.key, archive)
    settings = local.settings_of(
        (tree.top / RUNS).parent / "cache",
        input_folders=(*input_folders(wishes), *known.folders),
        input_buckets=known.buckets,
    )
    asked = replace(asked, counter=number_of(place) or 1)
    return local.LocalRun(
        place, asked, runtime, settings, {"system": store}, known.secrets_of(asked.variable_groups)
    )
