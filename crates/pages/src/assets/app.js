// Everything here is comfort: without this file every page works by links and forms.
"use strict";

const root = document.documentElement;
root.classList.add("js");
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const one = (selector, from = document) => from.querySelector(selector);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function say(text) {
  const live = one("[data-live]");
  if (live) live.textContent = text;
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
    flash(`${what} copied`);
  } catch {
    // A page without https has no clipboard; the address bar and the selected text are still there.
    flash("The browser does not let this page copy");
  }
}

function flash(text) {
  const tip = make("div", { class: "tip" }, text);
  document.body.append(tip);
  place(tip, innerWidth - tip.offsetWidth - 16, innerHeight - tip.offsetHeight - 16);
  setTimeout(() => tip.remove(), 1800);
}

function place(element, x, y) {
  element.style.left = `${Math.max(8, Math.min(x, innerWidth - element.offsetWidth - 8))}px`;
  element.style.top = `${Math.max(8, Math.min(y, innerHeight - element.offsetHeight - 8))}px`;
}

// Times: UTC is shown; the reader's own zone and how long ago it is appear on hover and focus.

const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function ago(date) {
  const seconds = (date - Date.now()) / 1000;
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units.at(-1);
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

function local(time) {
  const date = new Date(time.getAttribute("datetime"));
  if (Number.isNaN(date.valueOf())) return null;
  const zone = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
  return `${zone.format(date)} · ${ago(date)}`;
}

let tip = null;
function hideTip() {
  tip?.remove();
  tip = null;
}
function showTip(target) {
  hideTip();
  const time = target.closest?.("time[datetime]") ?? (target.matches?.("a") && one("time[datetime]", target)) ?? null;
  const marked = target.closest?.("[data-tip]");
  const text = time ? local(time) : marked?.dataset.tip;
  if (!text) return;
  tip = make("div", { class: "tip", role: "tooltip" }, text);
  document.body.append(tip);
  const box = (time || marked).getBoundingClientRect();
  const below = box.bottom + 6 + tip.offsetHeight < innerHeight;
  place(tip, box.left, below ? box.bottom + 6 : box.top - tip.offsetHeight - 6);
}
document.addEventListener("mouseover", (event) => showTip(event.target));
document.addEventListener("focusin", (event) => showTip(event.target));
document.addEventListener("focusout", hideTip);
document.addEventListener("scroll", hideTip, { capture: true, passive: true });

// Copying and printing.

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-print], [data-permalink], [data-copy]");
  if (!target) return;
  if (target.hasAttribute("data-print")) print();
  else if (target.hasAttribute("data-permalink")) copy(location.href, "Link");
  else if (target.matches("input")) { target.select(); copy(target.value, "Text"); }
  else copy(target.dataset.copy, "Text");
});
for (const pre of all(".pop pre")) {
  const button = make("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", () => copy(pre.textContent, "Line"));
  pre.after(button);
}
document.addEventListener("click", (event) => {
  for (const open of all("details.pop[open]")) if (!open.contains(event.target)) open.open = false;
});

// A value's menu: only rows with it, no rows with it, copy it.

function termMenu(value, x, y) {
  one(".term-menu")?.remove();
  const filter = one("input[data-filter]");
  const menu = make("div", { class: "term-menu", role: "menu" });
  const narrowed = (term) => {
    const address = new URL(location.href);
    address.searchParams.delete("cursor");
    // A filter has one value: the new one takes the place of another.
    const word = term.slice(0, term.indexOf(":") + 1);
    const others = (filter.value.match(/(?:[^\s"]|"[^"]*")+/g) ?? []).filter((one) => !one.startsWith(word));
    address.searchParams.set(filter.name, [...others, term].join(" "));
    return address.href;
  };
  if (filter) {
    menu.append(make("a", { role: "menuitem", href: narrowed(value.dataset.term) }, "Only this"));
  }
  const button = make("button", { type: "button", role: "menuitem" }, "Copy");
  button.addEventListener("click", () => { copy(value.textContent, "Value"); menu.remove(); });
  menu.append(button);
  document.body.append(menu);
  place(menu, x, y);
  one("a, button", menu).focus();
}
document.addEventListener("contextmenu", (event) => {
  const value = event.target.closest("[data-term]");
  if (!value || event.shiftKey) return;
  event.preventDefault();
  termMenu(value, event.clientX, event.clientY);
});
document.addEventListener("click", (event) => {
  const value = event.target.closest("[data-term]");
  if (value && !event.target.closest("a")) termMenu(value, event.clientX, event.clientY);
  else if (!event.target.closest(".term-menu")) one(".term-menu")?.remove();
});

// On a phone the parts of the site scroll sideways: the present one is in view.

one(".sections [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Keys.

const keys = [["/", "go to the filter"], ["j  k", "next or previous row"], ["Enter", "open the row"], ["e", "expand the row"], ["y", "copy the link to this page"], ["n", "next page of the table"], ["?", "this help"]];
const rows = () => all("table[data-rows] > tbody > tr:not(.detail)");
let at = -1;

// Where a row leads: the row of an operation to the operation, any other to what its first link names.
function lead(row) {
  const operation = row.id.startsWith("op-") ? one("td.event a[href]", row) : null;
  return operation ?? one("td:not(.open) a[href]", row) ?? one("a[href]", row);
}

function move(by) {
  const list = rows();
  if (!list.length) return;
  list[at]?.classList.remove("at");
  at = Math.max(0, Math.min(list.length - 1, at + by));
  const row = list[at];
  row.classList.add("at");
  row.scrollIntoView({ block: "nearest" });
  const link = lead(row);
  if (link) link.focus({ preventScroll: true });
  else say(row.innerText.replace(/\s+/g, " "));
}

function help() {
  let dialog = one("dialog[data-help]");
  if (!dialog) {
    const list = make("dl");
    for (const [key, what] of keys) list.append(make("dt", {}, make("kbd", {}, key)), make("dd", {}, what));
    const close = make("button", { class: "main" }, "Close");
    dialog = make("dialog", { "data-help": "", "aria-labelledby": "help-title" }, make("h2", { id: "help-title" }, "Keys"), list, make("form", { method: "dialog" }, close));
    document.body.append(dialog);
  }
  if (!dialog.open) dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    hideTip();
    one(".term-menu")?.remove();
    for (const open of all("details.pop[open]")) open.open = false;
  }
  const isTyping = event.target.closest("input, select, textarea, dialog, [role=slider]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const row = rows()[at];
  const follow = (element) => { if (element) { event.preventDefault(); element.click(); } };
  switch (event.key) {
    case "/": {
      const field = one("[data-filter]") ?? one("main form input:not([type=hidden])");
      if (field) { event.preventDefault(); field.focus(); field.select?.(); }
      break;
    }
    case "j": move(1); break;
    case "k": move(-1); break;
    case "Enter": if (!event.target.closest("a, button, summary")) follow(row && lead(row)); break;
    case "e": follow(row && (one("[data-expand]", row) ?? one("summary", row))); break;
    case "n": follow(one("nav.paging a[rel=next]")); break;
    case "y": copy(location.href, "Link"); break;
    case "?": help(); break;
  }
});

// A question's form leaves empty fields out of the address.

for (const form of all("form[method=get]")) {
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
  });
}

// Parts that a page may have. `replace` shows another address of the same page without loading it anew:
// every element with `data-part` takes the content of its twin. Sliders stay,
// so that a hand on one is not disturbed; those that nobody moves follow.

let replacing = null;
async function replace(address, { isNew = true, only = null, by = null } = {}) {
  replacing?.abort();
  replacing = new AbortController();
  try {
    const answer = await fetch(address, { signal: replacing.signal, headers: { accept: "text/html" } });
    if (!answer.ok) { location.assign(address); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of all(only ? `[data-part="${only}"]` : "[data-part]")) {
      const twin = one(`[data-part="${CSS.escape(part.dataset.part)}"]`, page);
      if (twin) part.replaceWith(document.adoptNode(twin));
    }
    for (const slider of all("input[data-scrubber]")) {
      const twin = one(`#${CSS.escape(slider.id)}`, page);
      if (!twin || slider === by) continue;
      slider.value = twin.getAttribute("value");
      slider.dispatchEvent(new Event("moved"));
    }
    document.title = page.title;
    if (isNew) history.pushState(null, "", address);
    at = -1;
    enliven();
    const count = one("[data-count]");
    if (count) say(count.textContent);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address);
  }
}
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  replace(link.href.baseVal ?? link.href);
});
addEventListener("popstate", () => { if (one("[data-part]")) replace(location.href, { isNew: false }); });

// A row that opens does so in its place.

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-expand]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !link.closest('[data-part="rows"]')) return;
  event.preventDefault();
  const { id } = link.closest("tr");
  const wasAt = at;
  // Who came by key stands on what Enter opens, and stays there.
  const isOnRow = document.activeElement !== link;
  await replace(link.href, { only: "rows" });
  const row = document.getElementById(id) ?? document.createElement("tr");
  at = wasAt;
  rows()[at]?.classList.add("at");
  (isOnRow ? lead(row) : one("a[data-expand]", row))?.focus({ preventScroll: true });
});

// A histogram: `<svg data-brush data-from data-to>` spans the times; drag to narrow. The address gets `from` and `to`.

function brush(chart) {
  const from = Date.parse(chart.dataset.from);
  const span = Date.parse(chart.dataset.to) - from;
  if (!(span > 0)) return;
  let start = null;
  let mark = null;
  const where = (event) => {
    const box = chart.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  chart.addEventListener("pointerdown", (event) => {
    if (event.button === 0) start = where(event);
  });
  // A link in the picture would be dragged instead.
  chart.addEventListener("dragstart", (event) => event.preventDefault());
  chart.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const end = where(event);
    if (!mark && Math.abs(end - start) * chart.clientWidth < 3) return;
    if (!mark) {
      chart.setPointerCapture(event.pointerId);
      mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      mark.setAttribute("class", "brush");
      mark.setAttribute("y", "0");
      mark.setAttribute("height", "100%");
      chart.append(mark);
    }
    mark.setAttribute("x", `${Math.min(start, end) * 100}%`);
    mark.setAttribute("width", `${Math.abs(end - start) * 100}%`);
  });
  const stop = (event) => {
    const [a, b] = [start, where(event)].sort((a, b) => a - b);
    const wasDragged = start !== null && mark !== null;
    start = null;
    mark?.remove();
    mark = null;
    if (!wasDragged || event.type === "pointercancel") return;
    // What ends a drag is no click on the bar below.
    const noClick = (click) => { if (chart.contains(click.target)) click.preventDefault(); };
    addEventListener("click", noClick, { capture: true });
    setTimeout(() => removeEventListener("click", noClick, { capture: true }));
    const instant = (part) => new Date(from + part * span).toISOString().replace(/\.\d+Z/, "Z");
    const address = new URL(location.href);
    address.searchParams.delete("cursor");
    address.searchParams.set("from", instant(a));
    address.searchParams.set("to", instant(b));
    if (one("[data-part]")) replace(address.href);
    else location.assign(address.href);
  };
  chart.addEventListener("pointerup", stop);
  chart.addEventListener("pointercancel", stop);
}

// A time scrubber: `<input type="range" data-scrubber min max value>` in seconds since 1970; the address gets `at`.
// `data-ticks` may hold the times of events: the keys Left and Right go from one to the next.

function scrub(slider) {
  const shown = one(`output[for="${CSS.escape(slider.id)}"]`);
  const instant = () => new Date(Number(slider.value) * 1000).toISOString().replace(/\.\d+Z/, "Z");
  const go = () => {
    const address = new URL(location.href);
    address.searchParams.delete("cursor");
    if (slider.value === slider.max) address.searchParams.delete("at");
    else address.searchParams.set("at", instant());
    replace(address.href, { by: slider });
  };
  const tell = () => {
    if (shown) shown.textContent = `${instant().slice(0, 19).replace("T", " ")} UTC`;
    slider.setAttribute("aria-valuetext", instant());
  };
  let wait = null;
  slider.addEventListener("moved", tell);
  slider.addEventListener("input", () => {
    tell();
    clearTimeout(wait);
    wait = setTimeout(go, 250);
  });
  const ticks = (slider.dataset.ticks ?? "").split(" ").filter(Boolean).map(Number).sort((a, b) => a - b);
  slider.addEventListener("keydown", (event) => {
    const now = Number(slider.value);
    const next = { ArrowRight: ticks.find((tick) => tick > now), ArrowLeft: ticks.findLast((tick) => tick < now) }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    slider.value = String(next);
    slider.dispatchEvent(new Event("input"));
  });
  tell();
}

// A live tail: `<button data-tail="/address">` starts and stops a stream of rows. They are counted in a chip and
// shown when the reader asks for them, so that nothing moves under the hand.

const FRESH_MAX = 500;

function tail(button) {
  let stream = null;
  let fresh = [];
  let isTooMuch = false;
  let chip = null;
  const words = button.textContent;
  const stop = () => {
    stream?.close();
    stream = null;
    button.textContent = words;
    button.setAttribute("aria-pressed", "false");
  };
  const show = () => {
    const body = one("table[data-rows] > tbody");
    chip.remove();
    chip = null;
    const wasEmpty = !rows().length;
    if (isTooMuch || wasEmpty) {
      const address = new URL(location.href);
      address.searchParams.delete("cursor");
      replace(address.href, { only: "rows" });
    } else {
      const made = make("template");
      made.innerHTML = fresh.toReversed().join("");
      for (const row of all("tr", made.content)) row.classList.add("fresh");
      body.prepend(made.content);
      rows()[at]?.classList.remove("at");
      at = -1;
    }
    fresh = [];
    isTooMuch = false;
  };
  const tell = () => {
    if (!chip) {
      chip = make("button", { type: "button", class: "chip on", "data-chip": "" });
      chip.addEventListener("click", show);
      button.after(" ", chip);
      say("There are new rows");
    }
    chip.textContent = isTooMuch ? "Many new" : `${fresh.length} new`;
  };
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    if (stream) { stop(); return; }
    stream = new EventSource(button.dataset.tail);
    button.textContent = button.dataset.stop ?? "Stop following";
    button.setAttribute("aria-pressed", "true");
    stream.addEventListener("message", (event) => {
      if (!button.isConnected) { stop(); return; }
      fresh.push(event.data);
      if (fresh.length > FRESH_MAX) { isTooMuch = true; fresh = []; }
      tell();
    });
    stream.addEventListener("many", () => { isTooMuch = true; fresh = []; tell(); });
    stream.addEventListener("end", (event) => { stop(); say(event.data); flash(event.data); });
    stream.addEventListener("error", () => {
      // The browser tries again by itself, unless the server refuses.
      if (stream?.readyState === EventSource.CLOSED) { stop(); say("Following has ended"); flash("Following has ended"); }
    });
  });
  addEventListener("pagehide", stop);
}

// Waiting for something: an element with `data-part` and `data-wait="/address"` takes the content of its twin at
// the address, which answers when something has changed, or after a while without a change.

async function wait(part) {
  const later = () => setTimeout(() => { if (part.isConnected) wait(part); }, 3000);
  try {
    const answer = await fetch(part.dataset.wait, { headers: { accept: "text/html" } });
    if (answer.redirected) return;
    if (!answer.ok) { later(); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const twin = one(`[data-part="${CSS.escape(part.dataset.part)}"]`, page);
    if (!twin) return;
    part.replaceWith(document.adoptNode(twin));
    if (!twin.dataset.wait) say(twin.textContent.trim());
    enliven();
  } catch {
    later();
  }
}

// What changes by itself: an element with `data-part` and `data-stream="/address"` becomes what each event says.
// At the end the page is loaded anew.

function follow(part) {
  const { part: name, stream: address } = part.dataset;
  const stream = new EventSource(address);
  stream.addEventListener("message", (event) => {
    const made = make("template");
    made.innerHTML = event.data;
    const twin = made.content.firstElementChild;
    if (!twin) return;
    twin.alive = true;
    one(`[data-part="${CSS.escape(name)}"]`)?.replaceWith(twin);
  });
  stream.addEventListener("end", () => { stream.close(); location.reload(); });
  stream.addEventListener("error", () => {
    // The browser tries again by itself, unless the server refuses.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
  addEventListener("pagehide", () => stream.close());
  // A page that the browser kept as it was has no stream any more.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

// A form with large files: `<input type="file" data-bytes-max>` shows how much of them was sent.

const mebibytes = (bytes) => `${(bytes / 1048576).toLocaleString("en", { maximumFractionDigits: 1 })} MiB`;

function upload(input) {
  const { form } = input;
  const button = one("button[type=submit]", form);
  const wrong = (text) => {
    one(".error", input.parentNode)?.remove();
    if (text) input.after(make("p", { class: "error", role: "alert" }, text));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const files = [...input.files];
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    const { bytesMax, filesMax } = input.dataset;
    const refused =
      files.length > Number(filesMax) ? `The form takes ${filesMax} files at once: send the others after them.` :
      bytes > Number(bytesMax) ? "This is too large for the form: use the command line below." : "";
    wrong(refused);
    if (refused) return;
    const words = make("p", { class: "count" });
    const bar = make("progress", { max: "1", value: "0", "aria-label": "Sent" });
    const cancel = make("button", { type: "button" }, "Cancel");
    const sending = make("div", { class: "sending" }, words, bar, cancel);
    const tell = (sent, total) => {
      bar.value = total ? sent / total : 1;
      words.textContent = sent < total ? `Sending ${mebibytes(sent)} of ${mebibytes(total)}` : "Sent; waiting for the server";
      // What was sent whole is imported, whether or not its answer is waited for.
      if (sent >= total) cancel.remove();
    };
    const ended = (text) => {
      sending.remove();
      button.disabled = false;
      wrong(text);
    };
    tell(0, bytes);
    button.disabled = true;
    form.append(sending);
    say("Sending");
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("accept", "text/html");
    request.upload.addEventListener("progress", (step) => tell(step.loaded, step.total));
    request.addEventListener("load", () => {
      // The page of the import, or this form with what was wrong.
      if (request.responseURL !== form.action) { location.assign(request.responseURL); return; }
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const main = one("main", page);
      // The answer of something else on the way, such as a proxy that takes no body of this size.
      if (!main) { ended(`The upload was refused (status ${request.status}) by something before the server.`); return; }
      one("main").replaceWith(document.adoptNode(main));
      document.title = page.title;
      scrollTo(0, 0);
      enliven();
      say(one("main .notice")?.textContent ?? page.title);
    });
    request.addEventListener("error", () => ended("The upload broke off: is the server reachable? Send it again."));
    request.addEventListener("abort", () =>
      // How much of it the server has by then cannot be known here.
      ended("It was cancelled. If all of it had arrived by then, it is imported: the list shows it after a reload."));
    cancel.addEventListener("click", () => request.abort());
    request.send(new FormData(form));
  });
}

function enliven() {
  const begin = (selector, start) => {
    for (const element of all(selector)) {
      if (element.alive) continue;
      element.alive = true;
      start(element);
    }
  };
  begin("svg[data-brush]", brush);
  begin("input[data-scrubber]", scrub);
  begin("button[data-tail]", tail);
  begin("[data-wait]", wait);
  begin("[data-stream]", follow);
  begin("input[data-bytes-max]", upload);
}
enliven();
