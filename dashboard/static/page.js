// Keys, copying, and pages that stay current. A page is whole without this file.
"use strict";

(() => {
  const GO = { h: "/", c: "/commits", r: "/runs", e: "/executions", p: "/promotions", a: "/agents", t: "/repositories" };
  let afterG = 0;

  const rows = () => [...document.querySelectorAll(".rows .row")];

  function move(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
    all[next].focus();
    all[next].closest("tr").scrollIntoView({ block: "nearest" });
  }

  function typing(target) {
    return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return document.activeElement.blur();
    if (typing(event.target)) return;
    if (Date.now() - afterG < 1200 && GO[event.key]) {
      afterG = 0;
      location.assign(GO[event.key]);
    } else if (event.key === "g") {
      afterG = Date.now();
    } else if (event.key === "j" || event.key === "k") {
      move(event.key === "j" ? 1 : -1);
    } else if (event.key === "/") {
      event.preventDefault();
      document.querySelector(".bar input").select();
    } else if (event.key === "u") {
      const up = document.querySelectorAll(".place a");
      if (up.length) up[up.length - 1].click();
    } else if (event.key === "?") {
      const keys = document.querySelector("footer details");
      keys.open = !keys.open;
      keys.scrollIntoView({ block: "nearest" });
    }
  });

  document.addEventListener("click", async (event) => {
    const found = event.target.closest("[data-copy]");
    if (!found || found.closest("a") || !navigator.clipboard) return;
    try {
      await navigator.clipboard.writeText(found.dataset.copy);
    } catch {
      return;
    }
    found.classList.add("copied");
    setTimeout(() => found.classList.remove("copied"), 900);
  });

  // The parts of a page that change are fetched again and put in the place of the old ones.
  const pause = Number(document.body.dataset.refresh || 0) * 1000;
  let asked = false;

  async function refresh() {
    if (asked || document.hidden || !document.getSelection().isCollapsed) return;
    asked = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
      if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The next turn tries again.
    } finally {
      asked = false;
    }
  }

  function swap(fresh) {
    document.title = fresh.title;
    const focused = document.activeElement.closest("[data-part] .row")?.getAttribute("href");
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.getElementById(part.id);
      if (!other || other.innerHTML === part.innerHTML) continue;
      const open = new Set([...part.querySelectorAll("details[open]")].map((each) => each.id));
      part.replaceChildren(...other.childNodes);
      for (const each of part.querySelectorAll("details")) if (open.has(each.id)) each.open = true;
    }
    if (focused) rows().find((row) => row.getAttribute("href") === focused)?.focus({ preventScroll: true });
    if (!fresh.body.dataset.refresh) clearInterval(timer);
  }

  const timer = pause ? setInterval(refresh, pause) : 0;
  document.addEventListener("luotsi:refresh", refresh);
  document.addEventListener("visibilitychange", () => pause && refresh());
})();
