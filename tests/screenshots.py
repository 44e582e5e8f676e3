"""`make screenshots`: the pictures of README and docs, made again from a real run of the demonstration.

Pages at 1280 and 390 px, light and dark; the terminal as SVG, from the very events that the run gave.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from luotsi.demo.show import Terminal
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


def main() -> int:
    """Run the demonstration until its summary, take the pictures, and end it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
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
