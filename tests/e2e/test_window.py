"""The dashboard in a real browser, while something runs: live log, plots, keyboard, telephone, no script at all."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.builders.house import House, house
from tests.e2e.test_installation import CONFIG, PROCESS, contexts, until
from tests.parts.chromium import Chromium

SLOW = (
    '"for i in 1 2 3 4 5 6 7 8; do echo line $i; echo \\"{\\\\\\"epoch\\\\\\": $i, \\\\\\"loss\\\\\\": 0.$i}\\"; sleep 0.5; done; '
    'echo \\"<script>document.title=1</script>\\""'
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("window"), PROCESS) as made:
        yield made


def open_page(page: Page, made: House, path: str) -> list[str]:
    """Go there; what the browser's console complains about is collected."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(made.opened.address + path)
    return complaints


def test_a_log_grows_while_one_looks_and_ends_by_itself(running: House, chromium: Chromium) -> None:
    sha = running.person.commit(
        {"valohai.yaml": CONFIG.format(name="slow", command=SLOW)}, "Count <b>slowly</b>"
    )
    running.person.push()
    until(lambda: "luotsi/slow" in contexts(running, sha), "the run begins")
    with chromium.page() as page:
        complaints = open_page(page, running, "/r/bench/executions/1")
        page.get_by_text("line 2", exact=True).wait_for()
        page.get_by_text("line 8", exact=True).wait_for()
        page.locator("h1", has_text="success").wait_for()
        assert page.locator("ol.log").get_by_text("<script>document.title=1</script>").count() == 1
        assert "slow #1" in page.title()
        assert page.locator("svg.plot").count() >= 1
        assert complaints == []
    until(lambda: contexts(running, sha).get("luotsi/slow") == "success", "the run ends")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/", "/commits", "/runs", "/executions", "/r/bench/executions/1", "/promotions", "/agents"]
)
def test_no_page_is_wider_than_a_telephone(
    running: House, chromium: Chromium, path: str, scheme: str
) -> None:
    with chromium.page(viewport={"width": 390, "height": 844}, color_scheme=scheme) as page:
        complaints = open_page(page, running, path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert complaints == []


def test_pages_are_read_without_scripts(running: House, chromium: Chromium) -> None:
    with chromium.page(java_script_enabled=False) as page:
        open_page(page, running, "/r/bench/executions/1")
        assert page.get_by_text("line 8", exact=True).count() == 1
        open_page(page, running, "/commits")
        assert page.get_by_text("Count <b>slowly</b>").count() >= 1


def test_the_keyboard_goes_through_the_pages(running: House, chromium: Chromium) -> None:
    with chromium.page() as page:
        open_page(page, running, "/")
        page.keyboard.press("g")
        page.keyboard.press("e")
        page.wait_for_url("**/executions")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/r/bench/executions/1")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.name") == "q"


def test_nothing_on_the_window_changes_anything(running: House, chromium: Chromium) -> None:
    with chromium.page() as page:
        answer = page.request.post(running.opened.address + "/r/bench/executions/1")
        assert answer.status == 405
