// The web client: what is shown, who looks at it, and what they do.
//
// The server only says that something changed; the page then fetches what it shows, at most one request per pane at a time.

import { el, tick } from '/text.js';
import * as draw from '/draw.js';
import * as slash from '/command.js';

const LIMIT = 100;
const $ = (id) => document.getElementById(id);
const state = { me: undefined, data: undefined, seen: new Map(), versions: {}, asked: undefined };

/** Asks for a script action; throws with the server's words. */
async function act(action, body = {}) {
  const response = await fetch(`/sandbox/${action}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.field ? `${answer.field}: ${answer.error}` : answer.error);
  return answer;
}

const find = (list, id) => list?.find((entry) => entry.id === id);
const names = {
  user: (id) => find(state.data?.people, id)?.username,
  role: (id) => find(state.data?.roles, id)?.name,
  channel: (id) => (find(state.data?.channels, id) ?? find(state.data?.threads, id))?.title,
  list: (type) => entities({ 6: 5, 7: 8, 8: 6, 9: 7 }[type]).map((entry) => ({ label: entry.label })),
  entity: (type, name) => entities({ 6: 5, 7: 8, 8: 6, 9: 7 }[type]).find((e) => e.label === name)?.value,
};

/** People, roles or channels for a select of this component type. */
function entities(type) {
  const people = (state.data?.people ?? []).map((p) => ({ label: p.username, value: p.id }));
  const roles = (state.data?.roles ?? []).filter((r) => r.name !== '@everyone').map((r) => ({ label: r.name, value: r.id }));
  const channels = (state.data?.channels ?? []).map((c) => ({ label: c.title, value: c.id }));
  return { 5: people, 6: roles, 7: [...people, ...roles], 8: channels }[type] ?? [];
}

/** A column that shows one channel or thread. */
class Pane {
  constructor(prefix) {
    this.log = $(`${prefix}-log`);
    this.title = $(`${prefix}-title`);
    this.form = $(`${prefix}-form`);
    this.drawn = new Map();
    this.limit = LIMIT;
    this.composer = new Composer(this);
  }

  show(id) {
    if (this.id === id) return;
    this.id = id;
    this.limit = LIMIT;
    this.drawn.clear();
    this.log.replaceChildren();
    this.follow = true;
    if (id) this.refresh();
  }

  /** Fetches and draws; a call during a fetch makes one more fetch after it. */
  async refresh() {
    if (this.busy) { this.again = true; return; }
    this.busy = true;
    try {
      do {
        this.again = false;
        const id = this.id;
        if (!id) break;
        const view = await act('view', { channel_id: id, user_id: state.me, limit: this.limit });
        if (id === this.id) this.draw(view);
      } while (this.again);
    } catch (error) {
      if (this.id) this.composer.say(error.message, true);
    } finally {
      this.busy = false;
    }
  }

  draw(view) {
    const near = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
    const top = this.log.scrollHeight - this.log.scrollTop;
    this.title.textContent = view.channel.title || view.channel.name;
    state.seen.set(this.id, view.version);
    const shown = new Map();
    const nodes = view.messages.slice().reverse().map((m) => {
      const key = JSON.stringify(m);
      const old = this.drawn.get(m.id);
      const entry = old && old.key === key ? old : { key, node: this.drawOne(m) };
      shown.set(m.id, entry);
      return entry.node;
    });
    this.drawn = shown;
    if (view.messages.length >= this.limit) nodes.unshift(this.older());
    if (!nodes.length) nodes.push(el('p', { class: 'empty' }, 'Nothing here yet. Type / to see what the bot can do.'));
    place(this.log, nodes);
    if (this.follow || near) this.log.scrollTop = this.log.scrollHeight;
    else if (this.grown) this.log.scrollTop = this.log.scrollHeight - top;
    this.follow = this.grown = false;
  }

  drawOne(m) {
    try {
      return draw.message(m, context(this));
    } catch (error) {
      return el('article', { class: 'message' }, el('p', { class: 'notice' }, `This message cannot be drawn: ${error.message}`));
    }
  }

  older() {
    const more = () => { this.limit = Math.min(this.limit + LIMIT, 1000); this.grown = true; this.refresh(); };
    return el('button', { class: 'older', type: 'button', onclick: more }, 'Older messages');
  }
}

/** Makes `parent` hold exactly `nodes`, moving as few as possible. */
function place(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    const there = parent.childNodes[index];
    if (there !== node) parent.insertBefore(node, there ?? null);
  });
}

function context(pane) {
  const use = async (action, m, body, control) => {
    control.disabled = true;
    try {
      await act(action, { channel_id: m.channel_id, user_id: state.me, message_id: m.id, ...body });
    } catch (error) {
      pane.composer.say(error.message, true);
    } finally {
      control.disabled = false;
    }
  };
  return {
    me: state.me, myRoles: find(state.data?.people, state.me)?.roles ?? [], names, entities, openThread,
    click: (m, customId, control) => use('click', m, { custom_id: customId }, control),
    select: (m, customId, values, control) => use('select', m, { custom_id: customId, values }, control),
  };
}

/** The line below a pane: messages, and commands with what may come next. */
class Composer {
  constructor(pane) {
    this.pane = pane;
    this.input = pane.form.querySelector('textarea');
    this.list = pane.form.querySelector('.choices');
    this.hint = pane.form.querySelector('.hint');
    this.items = [];
    this.history = [];
    this.input.addEventListener('input', () => this.changed());
    this.input.addEventListener('click', () => this.changed());
    this.input.addEventListener('keydown', (event) => this.key(event));
    this.input.addEventListener('blur', () => setTimeout(() => this.offer([]), 150));
    pane.form.addEventListener('submit', (event) => event.preventDefault());
  }

  say(text, bad = false) {
    this.hint.textContent = text;
    this.hint.classList.toggle('bad', bad);
  }

  changed() {
    this.input.style.height = 'auto';
    this.input.style.height = `${this.input.scrollHeight + 2}px`;
    const line = this.input.value;
    const { items, read, ask, set } = slash.next(line, this.input.selectionStart, state.data?.commands ?? [], names);
    this.offer(items);
    this.describe(read);
    clearTimeout(this.timer);
    if (ask) this.timer = setTimeout(() => this.ask(line, read, ask, set), 120);
  }

  describe(read) {
    if (!read) return this.say('');
    if (!read.command) return this.say(read.typed ? `Commands that start with /${read.typed}` : 'Commands');
    const left = slash.missing(read).map((d) => `${d.name}:`);
    this.say(left.length ? `Still needed: ${left.join(' ')}` : `${read.command.description} – Enter runs it`);
  }

  async ask(line, read, active, set) {
    try {
      const body = {
        channel_id: this.pane.id, user_id: state.me, name: read.command.name,
        options: slash.options(read, names, active.definition.name),
      };
      const { choices, answered } = await act('autocomplete', body);
      if (this.input.value !== line) return;
      if (!answered) this.say('Loading options failed', true);
      this.offer(choices.map((c) => {
        const [from, to, text] = set(String(c.value));
        return { label: c.name, note: '', from, to, text };
      }));
    } catch (error) {
      this.say(error.message, true);
    }
  }

  offer(items) {
    this.items = items;
    this.at = 0;
    this.moved = false;
    this.list.hidden = !items.length;
    this.list.replaceChildren(...items.map((entry, index) => el('div', {
      role: 'option', 'aria-selected': String(index === 0),
      onmousedown: (event) => { event.preventDefault(); this.take(entry); },
    }, el('b', {}, entry.label), el('span', {}, entry.note))));
  }

  move(step) {
    this.moved = true;
    this.at = (this.at + step + this.items.length) % this.items.length;
    [...this.list.children].forEach((child, index) => child.setAttribute('aria-selected', String(index === this.at)));
    this.list.children[this.at]?.scrollIntoView({ block: 'nearest' });
  }

  take(entry) {
    const line = this.input.value;
    this.input.value = line.slice(0, entry.from) + entry.text + line.slice(entry.to);
    const cursor = entry.from + entry.text.length;
    this.input.setSelectionRange(cursor, cursor);
    this.input.focus();
    this.changed();
  }

  key(event) {
    if (event.isComposing) return;
    const open = this.items.length > 0;
    if (open && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      this.move(event.key === 'ArrowDown' ? 1 : -1);
    } else if (event.key === 'Tab' && open) {
      event.preventDefault();
      this.take(this.items[this.at]);
    } else if (event.key === 'Escape' && open) {
      this.offer([]);
    } else if (event.key === 'ArrowUp' && !this.input.value && this.history.length) {
      event.preventDefault();
      this.input.value = this.history.at(-1);
      this.changed();
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      // Enter takes a suggestion that was gone to, or the first one of a command that is not complete.
      const read = slash.parse(this.input.value, state.data?.commands ?? []);
      const unfinished = read && (!read.command || read.needsSub || slash.missing(read).length > 0);
      if (open && (this.moved || unfinished)) this.take(this.items[this.at]);
      else this.send();
    }
  }

  async send() {
    const line = this.input.value.trim();
    if (!line || !this.pane.id) return;
    const place = { channel_id: this.pane.id, user_id: state.me };
    try {
      if (line.startsWith('/')) {
        const read = slash.parse(this.input.value, state.data?.commands ?? []);
        if (!read?.command) throw new Error(`There is no command /${read?.typed ?? ''}`);
        const needed = slash.missing(read).map((d) => `${d.name}:`);
        if (read.needsSub) throw new Error('A sub-command is needed');
        if (needed.length) throw new Error(`Still needed: ${needed.join(' ')}`);
        if (read.loose) throw new Error(`“${read.loose}” belongs to no option`);
        await act('slash', { ...place, name: read.command.name, options: slash.options(read, names) });
      } else await act('message', { ...place, content: line });
      this.history.push(line);
      this.input.value = '';
      this.pane.follow = true;
      this.changed();
      this.say('');
    } catch (error) {
      this.offer([]);
      this.say(error.message, true);
    }
  }
}

const panes = { main: new Pane('main'), thread: new Pane('thread') };

function openThread(id) {
  $('thread').hidden = !id;
  panes.thread.show(id);
  drawChannels();
}

function openChannel(id) {
  panes.main.show(id);
  drawChannels();
  panes.main.composer.input.focus();
}

function drawChannels() {
  const { channels, threads } = state.data;
  const entry = (channel, sub, here, open) => {
    const news = !here && (state.versions[channel.id] ?? 0) > (state.seen.get(channel.id) ?? Infinity);
    const classes = [here && 'here', sub && 'sub', news && 'news'].filter(Boolean).join(' ');
    const mark = sub ? '⤷ ' : channel.type === 1 ? '@ ' : '# ';
    return el('button', { type: 'button', class: classes, onclick: () => open(channel.id) }, mark + channel.title);
  };
  $('channels').replaceChildren(...channels.flatMap((channel) => [
    entry(channel, false, channel.id === panes.main.id, openChannel),
    ...threads.filter((t) => t.parent_id === channel.id).slice(-12).reverse()
      .map((thread) => entry(thread, true, thread.id === panes.thread.id, openThread)),
  ]));
}

async function loadClient() {
  const data = await act('client', { user_id: state.me });
  state.data = data;
  $('guild-name').textContent = data.guild.name;
  const people = data.people.filter((p) => !p.bot);
  $('people').replaceChildren(...people.map((p) => el('option', { value: p.id, selected: p.id === state.me }, p.username)));
  for (const channel of [...data.channels, ...data.threads]) {
    if (!state.seen.has(channel.id)) state.seen.set(channel.id, channel.version);
  }
  botState(data.bot_online);
  drawChannels();
}

function botState(online) {
  $('bot-state').textContent = online ? 'bot online' : 'bot offline';
  $('bot-state').classList.toggle('online', online);
}

async function checkModal() {
  const { modal, interaction_id: id } = await act('modal_open', { user_id: state.me });
  const dialog = $('modal');
  if (!modal) { state.asked = undefined; if (dialog.open) dialog.close(); return; }
  if (state.asked === id) return;
  state.asked = id;
  const done = async (fields) => {
    try { await act('modal_submit', { user_id: state.me, fields }); } catch (error) { return error.message; }
    return undefined;
  };
  draw.modal(dialog, modal, context(panes.main), done, () => act('modal_close', { user_id: state.me }));
}

function news(said) {
  Object.assign(state.versions, said.channels);
  botState(said.bot_online);
  const touched = Object.keys(said.channels);
  for (const pane of Object.values(panes)) {
    if (pane.id && touched.includes(pane.id)) pane.refresh();
  }
  if (said.structure_version > (state.data?.structure_version ?? 0)) loadClient().catch(report);
  else if (touched.length) drawChannels();
  if (touched.length) checkModal().catch(report);
}

const report = (error) => panes.main.composer.say(error.message, true);

function listen(wait = 250) {
  const socket = new WebSocket(`ws://${location.host}/sandbox/live`);
  let next = wait;
  socket.onmessage = (event) => { next = 250; news(JSON.parse(event.data)); };
  socket.onclose = () => {
    botState(false);
    $('bot-state').textContent = 'sandbox away';
    setTimeout(() => listen(Math.min(next * 2, 5000)), next);
  };
}

function remembered() {
  try { return sessionStorage.getItem('person'); } catch { return null; }
}

async function start() {
  const defaults = await act('defaults');
  state.me = remembered() ?? defaults.user_id;
  try {
    await loadClient();
    if (!find(state.data.people, state.me)) throw new Error('a person of an earlier start');
  } catch {
    state.me = defaults.user_id;
    await loadClient();
  }
  openChannel(defaults.channel_id);
  listen();
}

$('people').addEventListener('change', async (event) => {
  state.me = event.target.value;
  try { sessionStorage.setItem('person', state.me); } catch { /* private window: it is only forgotten */ }
  for (const pane of Object.values(panes)) { const id = pane.id; pane.show(undefined); pane.show(id); }
  loadClient().then(checkModal).catch(report);
});
$('thread-close').addEventListener('click', () => openThread(undefined));
setInterval(() => document.querySelectorAll('time.when[data-style=R]').forEach(tick), 1000);
start().catch(report);
