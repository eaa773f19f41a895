// Keeps an open page true, and spares it reloads. Without it every link and every form still works.
"use strict";

/** How long a message of the page stays that goes by itself, in milliseconds. */
const FADE_MS = 6000;
/** What a reader has opened stays as they left it. */
const KEPT = { DETAILS: ["open"], DIALOG: ["open"] };

let events = null;
let listensTo = null;
/** How many pages were asked for. */
let loads = 0;
/** How many states of the page were heard of. */
let heard = 0;

/** Makes `from` like `to`, touching only what differs: what somebody types, has selected or scrolled to stays. */
function morph(from, to) {
  if (from.isEqualNode(to)) return;
  const kept = KEPT[from.nodeName] ?? [];
  for (const { name, value } of [...to.attributes]) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !kept.includes(name)) from.removeAttribute(name);
  let at = from.firstChild;
  for (const node of [...to.childNodes]) {
    const known = node.id ? [...from.children].find((child) => child.id === node.id) : null;
    if (known) {
      if (known === at) at = at.nextSibling;
      else from.insertBefore(known, at);
      morph(known, node);
    } else if (at && !at.id && !node.id && at.nodeName === node.nodeName && at.nodeType === Node.ELEMENT_NODE) {
      const next = at.nextSibling;
      morph(at, node);
      at = next;
    } else if (at && at.nodeType === Node.TEXT_NODE && node.nodeType === Node.TEXT_NODE) {
      if (at.data !== node.data) at.data = node.data;
      at = at.nextSibling;
    } else {
      const fresh = document.importNode(node, true);
      if (fresh.nodeType === Node.ELEMENT_NODE && fresh.matches("li.post")) fresh.classList.add("fresh");
      from.insertBefore(fresh, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** Shows another state of the page, or another page. */
function show(html, url) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const fresh = page.getElementById("app");
  if (!fresh) return location.reload();
  const focus = document.activeElement?.id;
  document.title = page.title;
  document.body.className = page.body.className;
  document.body.dataset.events = page.body.dataset.events;
  morph(document.querySelector(".sim"), page.querySelector(".sim"));
  morph(document.getElementById("app"), fresh);
  if (focus && !document.activeElement?.id) document.getElementById(focus)?.focus();
  if (url) listen();
  settle();
}

/** What a page needs after it was put up. */
function settle() {
  for (const dialog of document.querySelectorAll("dialog[open]:not(:modal)")) {
    dialog.removeAttribute("open");
    dialog.showModal();
  }
  for (const fading of document.querySelectorAll("[data-fades]")) {
    const toast = fading.closest(".toast");
    if (toast.dataset.fading) continue;
    toast.dataset.fading = "yes";
    setTimeout(() => {
      if (!fading.isConnected) return;
      if (fading.matches("form")) fading.requestSubmit();
      else fading.click();
    }, FADE_MS);
  }
}

function lost(is) {
  document.getElementById("lost").hidden = !is;
}

/** Follows what happens, as long as somebody looks. */
function listen() {
  const path = document.body.dataset.events;
  if (document.hidden || (events && listensTo === path && events.readyState !== EventSource.CLOSED)) return;
  events?.close();
  listensTo = path;
  events = new EventSource(path);
  events.onmessage = (event) => {
    lost(false);
    heard += 1;
    show(JSON.parse(event.data), null);
  };
  events.onopen = () => lost(false);
  events.onerror = () => lost(true);
}

async function load(request, options, keep) {
  loads += 1;
  const own = loads;
  const before = heard;
  let answer;
  try {
    answer = await fetch(request, options);
  } catch {
    lost(true);
    return false;
  }
  const html = await answer.text();
  // Whoever has pressed something else meanwhile wants to see that.
  if (own !== loads) return true;
  const url = new URL(answer.url);
  if (url.origin !== location.origin) return location.assign(url);
  // What was heard meanwhile may be newer than this, the bot's answer to a press for instance.
  if (keep && answer.ok && heard !== before) return load(url, {}, true);
  if (keep) history.replaceState(null, "", url);
  else if (url.href !== location.href) history.pushState(null, "", url);
  show(html, url);
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-go]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  load(link.href, {}, false);
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  if (form.dataset.sending) return;
  form.dataset.sending = "yes";
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const path = form.getAttribute("action");
  if (form.getAttribute("method") === "get") await load(`${path}?${fields}`, {}, false);
  else if (await load(path, { method: "POST", body: fields }, true)) form.reset();
  delete form.dataset.sending;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.matches(".composer textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// Escape closes a dialog as its own button does: what is open stands in the address, not in the page.
document.addEventListener("cancel", (event) => {
  const close = event.target.querySelector("[data-close]");
  if (!close) return;
  event.preventDefault();
  if (close.matches("form")) close.requestSubmit();
  else close.click();
}, true);

window.addEventListener("popstate", () => load(location.href, {}, true));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return listen();
  events?.close();
  events = null;
});

settle();
listen();
