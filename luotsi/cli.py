"""The command. Each verb is a module of `luotsi.verbs`, loaded only when it is asked for."""

import importlib
import os
import sys
from typing import Any

import click

from luotsi import __version__, terminal
from schemas.errors import ConfigError, LuotsiError, Stalled
from schemas.words import sentence

VERBS = {
    "demo": "everything at once, on a sample repository",
    "up": "all parts in one process tree, for your repositories",
    "down": "end the endpoints that an ended `up` left",
    "repo": "which repositories are watched: add, remove, rename, list, hook",
    "lint": "what is wrong with a valohai.yaml",
    "plan": "what a commit would start, what not, and why",
    "run": "one step of the working tree, here",
    "reproduce": "an old execution again, and what is the same",
    "doctor": "what works here and what does not, and why",
    "status": "what to mend, what runs, waits, failed and serves",
    "coverage": "whether every commit has its verdict, and which not",
    "cancel": "stop an execution, a task or a pipeline",
    "retry": "let a run begin again, in a round of its own",
    "approve": "let a node of a pipeline begin that waits for a person",
    "promote": "make and push the next tag of a stage",
    "controller": "watch, decide, act",
    "agent": "take work of one environment and run it",
    "web": "pages, deliveries and the agents' API",
    "gateway": "stable addresses of what the local cluster serves",
    "db": "the ledger's migrations",
}

EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3


class _Verbs(click.Group):
    """Loads a verb's module when it is used, so that an agent does not pay for the dashboard."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"luotsi.verbs.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="luotsi")
def luotsi() -> None:
    """Takes machine-learning models from `git push` to a served endpoint.

    \b
    See it work:             luotsi demo
    Watch your repository:   luotsi up --repository PATH_OR_URL
    What works here:         luotsi doctor
    """
    # https://no-color.org, and its opposite for logs that show colours.
    wanted = True if os.environ.get("FORCE_COLOR") else False if os.environ.get("NO_COLOR") else None
    click.get_current_context().color = wanted


def main(arguments: list[str] | None = None) -> Any:
    """Run the command. Exit codes: 0 done, 1 the thing asked about failed, 2 wrong usage or config, 3 environment."""
    try:
        code = luotsi.main(args=arguments, prog_name="luotsi", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except ConfigError as error:
        _say(error)
        for problem in error.problems:
            if problem.path or problem.message not in error.message:
                terminal.say_lines(str(problem), 2, err=True)
            elif problem.hint:
                terminal.say_lines(problem.hint, 2, err=True)
        sys.exit(EXIT_USAGE)
    except LuotsiError as error:
        _say(error)
        sys.exit(EXIT_ENVIRONMENT if isinstance(error, Stalled) else 1)
    sys.exit(code if isinstance(code, int) else 0)


def _say(error: LuotsiError) -> None:
    said = sentence(error.message) if error.hint else error.message
    first, *more = said.rstrip("\n").split("\n")
    terminal.say(terminal.line(terminal.styled("luotsi: ", "bold red"), first), err=True)
    for words in (*more, *([error.hint] if error.hint else ())):
        terminal.say_lines(words, 2, err=True)
