"""`luotsi lint`: everything that is wrong with a valohai.yaml, at once, before a commit says it."""

import json
from pathlib import Path

import click

from luotsi import settings as settings_file
from luotsi import terminal
from luotsi.linting import report, sarif, sources
from luotsi.linting.names import Known
from luotsi.options import json_option
from schemas.errors import ConfigError


@click.command("lint")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--all", "deep", is_flag=True, help="Also look in the folders below.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option(
    "--settings",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="Check names of environments, stores and clusters against this luotsi.yaml.",
)
@json_option
@click.option("--sarif", "as_sarif", is_flag=True, help="Print SARIF 2.1.0, for code hosts and editors.")
def command(
    paths: tuple[str, ...], deep: bool, strict: bool, settings: Path | None, as_json: bool, as_sarif: bool
) -> int:
    """Check a valohai.yaml: a file, a folder, or - for what comes through a pipe. Default: this folder's, or the
    nearest above it in the repository.

    \b
        luotsi lint
        luotsi lint models/eu/valohai.yaml --settings luotsi.yaml
        git show HEAD~1:valohai.yaml | luotsi lint -

    Needs no installation. Exit code 0: nothing wrong, or warnings only; 1: errors; 2: there is nothing to check.
    """
    if as_json and as_sarif:
        raise ConfigError("--json and --sarif are two forms of the same: choose one")
    known = Known.of(settings_file.load(settings)) if settings else None
    checked = [report.check(source, known) for source in sources.gather(paths, deep)]
    if as_sarif:
        terminal.exactly(json.dumps(sarif.log(checked), indent=2))
    elif as_json:
        terminal.exactly(json.dumps(report.as_json(checked), indent=2))
    else:
        for line in report.in_words(checked, terminal.columns()):
            terminal.say(line)
    failing = ("error", "warning") if strict else ("error",)
    return 1 if any(one.count(severity) for one in checked for severity in failing) else 0
