// Keeps an order's page true without a reload: hears of changes, fetches the changed part, and asks by itself when it hears nothing.
(() => {
  'use strict';
  // With an open stream we ask all the same, seldom: a proxy may hold events back. Without one we ask often.
  const SECONDS_HEARING = 30, SECONDS_ALONE = 4, COPIED_MS = 2000, SENT_MS = 10000;
  const id = (name) => document.getElementById(name);
  let page = id('live');
  // A page that says something once and for all has no build: there is nothing to ask for.
  if (page && !page.dataset.build) page = null;
  let stream, timer, asking = false, again = false, lost = false;

  function say(words) { const place = id('said'); if (place && words) place.textContent = words; }

  function showLost(now) {
    if (lost === now) return;
    lost = now;
    const note = id('offline');
    if (note) note.hidden = !now;
  }

  function later() {
    clearTimeout(timer);
    const hears = stream && stream.readyState === EventSource.OPEN;
    timer = setTimeout(() => { listen(); ask(); }, (hears && !lost ? SECONDS_HEARING : SECONDS_ALONE) * 1000);
  }

  async function ask() {
    if (!page) return;
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { 'x-part': page.dataset.revision }, cache: 'no-store' });
      if (answer.status === 200) swap(await answer.text(), answer.url);
      // Anything but "there it is" and "as you have it" is the trouble of a server that is being restarted.
      showLost(answer.status >= 500);
    } catch { showLost(true); }
    asking = false;
    if (again) { again = false; ask(); } else later();
  }

  function swap(html, address) {
    const fresh = new DOMParser().parseFromString(html, 'text/html').getElementById('live');
    // Another version of the program may bring another sheet and another script. Where the page stands because a form was sent, to reload it
    // would send the form again; the answer came from where it leads.
    if (!fresh || fresh.dataset.build !== page.dataset.build) { location.replace(address); return; }
    const focused = page.contains(document.activeElement) ? document.activeElement.id : '';
    const open = [...page.querySelectorAll('details[open]')].map((part) => part.id);
    const changed = fresh.dataset.say !== page.dataset.say;
    page.replaceWith(fresh);
    page = fresh;
    for (const part of open) { const still = part && id(part); if (still) still.open = true; }
    // What had the keyboard may be gone: then it goes on at the headline of what is there now.
    const target = focused && (id(focused) || page.querySelector('h2'));
    if (target) target.focus({ preventScroll: true });
    document.title = fresh.dataset.title || document.title;
    if (changed) say(fresh.dataset.say);
    dress();
  }

  function listen() {
    if (!page || !page.dataset.events || !window.EventSource) return;
    if (stream && stream.readyState !== EventSource.CLOSED) return;
    stream = new EventSource(page.dataset.events);
    // An event's id begins with the page's revision; what follows is of its document, which only programs read.
    stream.addEventListener('state', (event) => { if (event.lastEventId.split('-')[0] !== page.dataset.revision) ask(); });
    stream.onopen = ask;
    stream.onerror = ask;
  }

  // After sleep, a lost network or a page taken from the cache nothing that we believe about the connection is sure.
  function wake() {
    if (!page) return;
    if (stream) stream.close();
    stream = undefined;
    listen();
    ask();
  }

  async function copy(button) {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without https there is no clipboard but by this old way.
      const field = document.createElement('textarea');
      field.value = text;
      document.body.append(field);
      field.select();
      const isCopied = document.execCommand('copy');
      field.remove();
      button.focus();
      // Where that does not work either it is marked, to be copied by hand; an amount without its ticker.
      if (!isCopied) {
        const shown = button.parentElement.querySelector('bdi').firstChild;
        getSelection().setBaseAndExtent(shown, 0, shown, Math.min(text.length, shown.length));
        return;
      }
    }
    const words = button.dataset.words || button.textContent;
    button.dataset.words = words;
    button.textContent = button.dataset.copied;
    say(button.dataset.copied);
    setTimeout(() => { button.textContent = words; }, COPIED_MS);
  }

  function dress() {
    const lang = document.documentElement.lang;
    for (const time of document.querySelectorAll('time[data-local]')) {
      time.textContent = new Intl.DateTimeFormat(lang, { dateStyle: 'long', timeStyle: 'short' }).format(new Date(time.dateTime));
    }
    tick();
  }

  function tick() {
    const clock = id('left');
    if (!clock) return;
    const seconds = Math.max(0, Math.round((Date.parse(clock.dataset.until) - Date.now() - skew) / 1000));
    const two = (number) => String(number).padStart(2, '0');
    clock.textContent = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    if (seconds === 0 && !clock.dataset.over) { clock.dataset.over = 'yes'; ask(); }
  }

  // The clock of a phone may be wrong by hours; the time that is left is the server's.
  const skew = page && page.dataset.now ? Date.parse(page.dataset.now) - Date.now() : 0;

  // Who taps twice orders once. For a while only: who has stopped the page on its way presses again.
  document.addEventListener('submit', (event) => {
    if (!event.target.querySelector('[name=form]')) return;
    const { dataset } = event.target;
    if (Date.now() < Number(dataset.sentUntil)) event.preventDefault();
    else dataset.sentUntil = Date.now() + SENT_MS;
  });
  // What comes back out of the history can be pressed at once.
  addEventListener('pageshow', () => { for (const form of document.forms) delete form.dataset.sentUntil; });
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-copy]');
    if (button) copy(button);
  });
  dress();
  if (!page) return;
  setInterval(tick, 1000);
  addEventListener('online', wake);
  addEventListener('offline', () => showLost(true));
  addEventListener('pageshow', (event) => { if (event.persisted) wake(); });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) wake(); });
  listen();
  later();
})();
