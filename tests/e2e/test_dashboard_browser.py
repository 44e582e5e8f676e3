"""The pages in a real browser: alive with scripts, whole without them, and nothing refused by their own policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread

import pytest
from playwright.sync_api import Page
from redis import Redis
from sqlalchemy import update
from werkzeug.serving import make_server

from ledger import tables
from queues.connection import connect
from queues.streams import LogStreams
from tests.builders.dashboard_house import TOP, FilledHouse, build, close, deep
from tests.builders.ledger_rows import NOW, log_records
from tests.builders.sample_ledger import fill
from tests.parts.chromium import Chromium
from tests.parts.valkey_server import ValkeyServer

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


@dataclass
class Site:
    """The sample ledger's dashboard on an address, with live logs."""

    address: str
    house: FilledHouse
    redis: Redis

    def say(self, first: int, last: int) -> None:
        running = self.house.sample.running
        records = log_records([f"line {n} of the live log" for n in range(1, last + 1)])
        LogStreams(self.redis).append(running.environment, running.attempt or "", records[first - 1 :])

    def finish(self) -> None:
        running = self.house.sample.running
        with self.house.rows.ledger.write() as connection:
            row = update(tables.attempts).where(tables.attempts.c.id == running.attempt)
            connection.execute(row.values(state="complete", finished_at=NOW))
            row = update(tables.executions).where(tables.executions.c.id == running.id)
            connection.execute(row.values(state="complete", finished_at=NOW))


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, valkey_server: ValkeyServer) -> Iterator[Site]:
    redis = connect(valkey_server.address)
    redis.flushdb()
    empty = build(tmp_path_factory.mktemp("site"))
    sample = fill(empty.rows, empty.system, empty.artifacts)
    house = FilledHouse(empty.rows, empty.parts, empty.system, empty.artifacts, sample=sample)
    server = make_server("127.0.0.1", 0, house.app(redis=redis), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield Site(f"http://127.0.0.1:{server.server_port}", house, redis)
    server.shutdown()
    thread.join()
    server.server_close()
    redis.close()
    close(house)


def complaints(page: Page) -> list[str]:
    found: list[str] = []
    page.on(
        "console",
        lambda message: found.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_nothing_complains(
    site: Site, chromium: Chromium, viewport: dict[str, int], scheme: str
) -> None:
    with chromium.page(viewport=viewport, color_scheme=scheme) as page:
        found = complaints(page)
        for place in (*TOP.values(), *deep(site.house.sample).values()):
            page.goto(site.address + place)
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], place
        assert found == []


def test_the_log_grows_while_one_looks_and_ends_by_itself(site: Site, chromium: Chromium) -> None:
    site.say(1, 3)
    with chromium.page(viewport=DESK) as page:
        found = complaints(page)
        page.goto(f"{site.address}/r/wine/executions/{site.house.sample.running.number}")
        page.get_by_text("line 3 of the live log").wait_for()
        site.say(4, 40)
        page.get_by_text("line 40 of the live log").wait_for()
        assert page.locator("ol.log li").count() == 40
        assert page.locator("[data-live]").text_content() == "live"
        box = page.locator(".log-box")
        assert box.evaluate("box => Math.abs(box.scrollTop) < 2"), "it stands at its end"
        site.finish()
        page.get_by_text("ended: success").wait_for()
        page.locator("h1 .s-success").wait_for()
        assert page.locator("ol.log li").count() == 40
        assert found == []


def test_hostile_lines_stay_text_in_the_live_log(site: Site, chromium: Chromium) -> None:
    running = site.house.sample.running
    with chromium.page(viewport=DESK) as page:
        page.goto(f"{site.address}/r/wine/executions/{running.number}")
        page.locator("[data-live]", has_text="live").wait_for()
        lines = [
            "<img src=x onerror=\"document.title='owned'\">",
            "</span><script>document.title='owned'</script>",
        ]
        LogStreams(site.redis).append(running.environment, running.attempt or "", log_records(lines))
        page.get_by_text("<script>document.title").wait_for()
        assert page.locator(".log img, .log script").count() == 0
        assert "owned" not in page.title()


def test_rows_are_walked_and_opened_by_keys(site: Site, chromium: Chromium) -> None:
    with chromium.page(viewport=DESK) as page:
        page.goto(site.address + "/executions")
        for key in ("j", "j", "k"):
            page.keyboard.press(key)
        first = page.locator(".rows .row").first
        assert page.evaluate("document.activeElement.getAttribute('href')") == first.get_attribute("href")
        page.keyboard.press("Enter")
        page.wait_for_url("**/r/wine/executions/*")
        page.keyboard.press("g")
        page.keyboard.press("c")
        page.wait_for_url("**/commits")
        page.keyboard.press("/")
        page.keyboard.type("#13")
        page.keyboard.press("Enter")
        page.wait_for_url("**/r/wine/executions/13")
        page.keyboard.press("u")
        page.wait_for_url("**/r/wine/executions")


def test_a_page_stays_current(site: Site, chromium: Chromium) -> None:
    with chromium.page(viewport=DESK) as page:
        page.goto(site.address + "/")
        assert page.locator("h1").text_content() == "2 executions running, 2 waiting, 1 node to approve"
        site.finish()
        page.get_by_role(
            "heading", name="1 execution running, 2 waiting, 1 node to approve", exact=True
        ).wait_for()


def test_without_scripts_every_page_still_says_everything(site: Site, chromium: Chromium) -> None:
    site.say(1, 5)
    with chromium.page(viewport=PHONE, java_script_enabled=False) as page:
        page.goto(f"{site.address}/r/wine/executions/{site.house.sample.running.number}")
        assert page.get_by_text("line 5 of the live log").is_visible()
        page.get_by_role("link", name="a reload").click()
        page.get_by_role("link", name="All lines").click()
        assert page.get_by_text("line 1 of the live log").is_visible()
        page.goto(site.address + "/commits")
        page.get_by_text("Rename the step").click()
        assert page.get_by_text("integr is not a type").first.is_visible()


def test_the_shape_of_a_cancelled_node_has_its_states_colour(site: Site, chromium: Chromium) -> None:
    """It is a rectangle, as the boxes of nodes are, and is not drawn as one of them."""
    rows = site.house.rows
    of = rows.repository("boxes")
    run = rows.run(of, rows.commit(of))
    rows.pipeline(of, run, {"train": "stopped", "test": "skipped"}, state="stopped")
    with chromium.page(viewport=DESK) as page:
        page.goto(f"{site.address}/r/boxes/run/{run}")
        style = "getComputedStyle(document.querySelector('.node.s-cancelled g rect'))"
        assert page.evaluate(f"{style}.fill") == "none"
        node = "getComputedStyle(document.querySelector('.node.s-cancelled')).color"
        assert page.evaluate(f"{style}.stroke") == page.evaluate(node)


def test_a_metric_that_was_lost_is_marked_in_its_plot(site: Site, chromium: Chromium) -> None:
    with chromium.page(viewport=PHONE) as page:
        page.goto(f"{site.address}/r/wine/executions/{site.house.sample.failed.number}")
        assert page.inner_text("#answer").count("loss: nan from epoch 2 on") == 1
        assert page.locator(".plot .gap").count() == 1
        assert page.locator(".plot .gap-text").text_content() == "nan"
