"""Debian's Chromium, driven by Playwright. It resolves no name and reaches loopback only."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.parts.part import Part, program
from tests.parts.process import PATIENCE

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


class Chromium(Part):
    """`address` is the program's path; `browser` is running; `page()` is a window of its own, closed afterwards."""

    key = "chromium"
    name = "Chromium"
    programs = ("chromium",)
    packages = ("chromium", "fonts-liberation", "fonts-noto-color-emoji")
    browser: Browser

    def __init__(self) -> None:
        self._playwright: Playwright | None = None

    def present(self) -> bool:
        return super().present() and Path("/usr/share/fonts/truetype/liberation").is_dir()

    def start(self, folder: Path) -> None:
        self.address = program("chromium")
        self._playwright = sync_playwright().start()
        self.browser = self._playwright.chromium.launch(
            executable_path=self.address, args=ARGUMENTS, downloads_path=folder
        )

    @contextmanager
    def page(self, **context: object) -> Iterator[Page]:
        """A page in a fresh context (`viewport`, `color_scheme`, `java_script_enabled` and so on as Playwright has them)."""
        window = self.browser.new_context(**context)  # type: ignore[arg-type]
        try:
            window.set_default_timeout(PATIENCE * 1000)
            yield window.new_page()
        finally:
            window.close()

    def stop(self) -> None:
        if self._playwright:
            self.browser.close()
            self._playwright.stop()

    def version(self) -> str:
        said = subprocess.run([program("chromium"), "--version"], capture_output=True, text=True, check=True)
        return said.stdout.split()[1]
