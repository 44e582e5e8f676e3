// The live log: lines are put at the end as they come. What they hold is text, never markup.
"use strict";

(() => {
  const list = document.querySelector("ol.log[data-events]");
  if (!list || !window.EventSource) return;
  const word = document.querySelector("[data-live]");
  const KEPT = 4000;
  const LOOKS = /^[bfc0-7 ]*$/;
  let after = list.dataset.after;
  let source;

  function say(text) {
    if (word) word.textContent = text;
  }

  function line(record) {
    const item = document.createElement("li");
    item.id = `L${record.seq}`;
    item.className = [record.stream === "stderr" && "e", record.stream === "status" && "t", record.metadata && "m"].filter(Boolean).join(" ");
    const number = document.createElement("a");
    number.href = `${list.dataset.line}${record.seq}#L${record.seq}`;
    number.textContent = record.seq;
    number.title = record.time;
    const text = document.createElement("span");
    for (const [piece, look] of record.spans) {
      const span = document.createElement("span");
      if (look && LOOKS.test(look)) span.className = look;
      span.textContent = piece;
      text.append(span);
    }
    if (record.cut) text.append(` … ${record.cut.toLocaleString("en")} more characters in the whole log`);
    item.append(number, text);
    return item;
  }

  function add(items) {
    list.append(...items);
    while (list.children.length > KEPT) list.firstElementChild.remove();
  }

  function gap(text) {
    const item = document.createElement("li");
    item.className = "gap";
    item.textContent = text;
    add([item]);
  }

  function open() {
    source = new EventSource(`${list.dataset.events}${after}`);
    source.addEventListener("open", () => say(list.children.length ? "live" : "live, no line yet"));
    source.addEventListener("lines", (event) => {
      after = event.lastEventId;
      say("live");
      add(JSON.parse(event.data).map(line));
    });
    source.addEventListener("gap", (event) => {
      const { first, last } = JSON.parse(event.data);
      gap(`lines ${first} to ${last} are not in the live stream; the whole log has them when it is final`);
    });
    source.addEventListener("attempt", (event) => {
      after = event.lastEventId;
      list.replaceChildren();
      gap(`attempt ${JSON.parse(event.data)} begins`);
    });
    source.addEventListener("trouble", (event) => say(JSON.parse(event.data)));
    source.addEventListener("end", (event) => {
      source.close();
      say(`ended: ${JSON.parse(event.data).word}`);
      document.dispatchEvent(new Event("luotsi:refresh"));
    });
    source.addEventListener("error", () => {
      say("reconnecting");
      // After an answer that is not a stream the browser does not try again by itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000);
    });
  }

  window.addEventListener("pagehide", () => source && source.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());
  open();
})();
