"""`make screenshots`: the pictures of README and docs, made again from a real run of the demonstration.

Pages at 1280 and 390 px, light and dark; the terminal as SVG, from the very events that the run gave. Checks as a forge
shows them, from runs of the tests' own; `ARGS=checks` makes these alone.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from luotsi.demo.show import Terminal
from tests.builders import check_scenes, forge_page
from tests.parts.chromium import Chromium

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SIZES = {"": (1280, 900), "-narrow": (390, 844)}
PAGES = {
    "home": "/",
    "commit": "/r/wine/commit/{commit}",
    "run": "/runs",
    "execution": "/r/wine/executions/1",
    "promotions": "/promotions",
}


CHECKS = ("success", "broken-gate", "failure", "waiting", "held", "config")
COLUMN = (780, 200)
"""Of a forge's page: the column of a check, which grows with what it says."""


def main() -> int:
    """Take the pictures of checks; run the demonstration until its summary, take its pictures, and end it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="luotsi-checks-") as name:
        _checks(Path(name))
    return 0 if "checks" in sys.argv[1:] else _demonstration()


def _checks(folder: Path) -> None:
    chromium = Chromium()
    chromium.start(folder)
    try:
        for name in CHECKS:
            (folder / name).mkdir()
            html = forge_page.page(check_scenes.SCENES[name](folder / name))
            for scheme in ("light", "dark"):
                with chromium.page(
                    viewport={"width": COLUMN[0], "height": COLUMN[1]}, color_scheme=scheme
                ) as page:
                    page.set_content(html)
                    page.screenshot(path=FOLDER / f"check-{name}-{scheme}.png", full_page=True)
    finally:
        chromium.stop()


def _demonstration() -> int:
    with tempfile.TemporaryDirectory(prefix="luotsi-pictures-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "luotsi", "demo", "--json", "--workspace", str(folder / "demo")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
            assert demo.stdout is not None
            events = list(_until_summary(demo.stdout))
            try:
                _terminal(events, str(folder))
                _pages(folder, events[-1])
            finally:
                demo.terminate()
    return 0 if events[-1]["ok"] else 1


def _until_summary(lines: Any) -> Any:
    for line in lines:
        event = json.loads(line)
        yield event
        if event["event"] == "summary":
            return


def _terminal(events: list[dict[str, Any]], folder: str) -> None:
    """Replayed with the elapsed times left out: they would be those of the replay."""
    console = Console(record=True, width=110, file=Path("/dev/null").open("w"), force_terminal=False)  # noqa: SIM115 - as long as the process
    screen = Terminal(console, timings=False)
    for event in events:
        screen.show(json.loads(json.dumps(event).replace(folder, "~")))
    screen.close()
    (FOLDER / "demo-terminal.svg").write_text(console.export_svg(title="make demo"), encoding="utf-8")


def _pages(folder: Path, summary: dict[str, Any]) -> None:
    chromium = Chromium()
    chromium.start(folder)
    try:
        for suffix, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                with chromium.page(viewport={"width": width, "height": height}, color_scheme=scheme) as page:
                    for name, path in PAGES.items():
                        page.goto(summary["dashboard"] + path.format(commit=summary["commit"]))
                        if name == "run":
                            page.click("main a.row")
                        page.wait_for_load_state("load")
                        page.screenshot(path=FOLDER / f"{name}-{scheme}{suffix}.png")
    finally:
        chromium.stop()


if __name__ == "__main__":
    sys.exit(main())
