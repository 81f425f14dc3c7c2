// A column that shows one channel or thread: fetching what changed, drawing it, and scrolling.
//
// At most one request is under way per column; a change during it leads to one more after it.

import { $, byId, el, morph, place, plural } from './dom.js';
import { day } from './html.js';
import { act } from './net.js';
import { signed } from './signs.js';
import { groups, message } from './message.js';
import { channel, mark, reading, state, title } from './state.js';

const FIRST = 60;
const MORE = 100;
/** Messages of one answer at most. */
const PAGE_MAX = 1000;
/** Beyond it the oldest are put away again while the person is at the newest. */
const KEEP_MAX = 1500;
const NEAR_PX = 60;
const AHEAD_PX = 600;

export class Pane {
  /** `prefix` names its elements; `said` gets what has to be told to the person. */
  constructor(prefix, said) {
    this.prefix = prefix;
    this.said = said;
    this.root = $(prefix);
    this.log = $(`${prefix}-log`);
    this.title = $(`${prefix}-title`);
    this.note = $(`${prefix}-note`);
    this.present = this.root.querySelector('.present');
    this.rows = el('div', { class: 'rows' });
    this.log.append(this.rows);
    this.local = { busy: new Set(), failed: new Map(), chosen: new Map() };
    this.reset();
    this.log.addEventListener('scroll', () => this.scrolled(), { passive: true });
    this.log.addEventListener('unfold', () => { this.stick = false; });
    this.present.addEventListener('click', () => this.toPresent());
    new ResizeObserver(() => this.stick && this.bottom()).observe(this.rows);
    new ResizeObserver(() => this.stick && this.bottom()).observe(this.log);
    document.addEventListener('visibilitychange', () => this.seen());
  }

  reset() {
    this.messages = new Map();
    this.nodes = new Map();
    this.order = [];
    this.version = 0;
    this.offered = undefined;
    this.older = false;
    this.stick = true;
    this.lastTop = 0;
    this.newFrom = undefined;
    this.away = 0;
    this.failed = undefined;
    this.dismissed = new Set();
    for (const known of Object.values(this.local)) known.clear();
  }

  /** Shows a channel from its newest message. */
  async show(id) {
    if (this.id === id) return;
    this.id = id;
    this.reset();
    this.rows.replaceChildren(...(id ? [el('p', { class: 'empty' }, 'Loading…')] : []));
    this.head();
    if (!id) return;
    this.newFrom = reading.upTo(id);
    await this.refresh();
  }

  head() {
    const known = channel(this.id) ?? this.channel;
    this.title.replaceChildren(...(known ? signed(title(known)) : []));
    if (this.note) this.note.textContent = known?.topic ?? (known?.thread_metadata?.archived ? 'archived' : '');
    const sign = $(`${this.prefix}-mark`);
    if (sign) sign.textContent = mark(known);
  }

  /** Whether what is shown is older than what the server has. */
  isBehind(version) { return this.id !== undefined && version > this.version; }

  async refresh() {
    if (this.busy) { this.again = true; return; }
    this.busy = true;
    try {
      do {
        this.again = false;
        await this.fetch();
      } while (this.again && this.id);
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy = false;
    }
  }

  async fetch() {
    const { id } = this;
    const me = state.me;
    if (!id) return;
    const place = { channel_id: id, user_id: me, html: true, commands: true };
    if (this.version) {
      const view = await act('view', {
        ...place, only_changed: true, changed_since: this.version, from: this.order[0], limit: PAGE_MAX,
      });
      if (id !== this.id || me !== state.me) { this.again = true; return; }
      if (view.complete) { this.apply(view); return; }
      this.reset();
    }
    const view = await act('view', { ...place, limit: FIRST });
    if (id !== this.id || me !== state.me) { this.again = true; return; }
    this.older = view.messages.length >= FIRST;
    this.apply(view);
  }

  fail(error) {
    this.failed = error.message;
    if (!this.version) this.rows.replaceChildren(el('p', { class: 'empty', role: 'alert' }, error.message));
    else this.said(error.message);
  }

  /** Takes messages in: new, changed and deleted ones. */
  apply(view, old = false) {
    if (!old) { this.version = view.version; this.channel = view.channel; }
    if (view.command_ids) this.offered = new Set(view.command_ids);
    const changed = new Set();
    let moved = false;
    const newest = this.order.at(-1);
    for (const m of view.messages) {
      if (m.deleted) { moved = this.messages.delete(m.id) || moved; continue; }
      if (this.dismissed.has(m.id) || (m.notice && m.source_message_id)) continue;
      const before = this.messages.get(m.id);
      if (before && JSON.stringify(before) === JSON.stringify(m)) continue;
      if (before?.edited_timestamp !== m.edited_timestamp) this.forget(m.id);
      this.messages.set(m.id, m);
      changed.add(m.id);
      moved ||= !before;
      if (!before && !this.stick && newest && byId(m.id, newest) > 0) this.away += 1;
    }
    for (const id of view.deleted ?? []) moved = this.messages.delete(id) || moved;
    if (moved) this.sort();
    if (moved || !this.order.length) this.draw(changed, !old);
    else this.patch(changed);
    this.head();
    this.seen();
    this.offerPresent();
  }

  /** The app's commands that this person may use here. */
  commands() {
    const all = state.data?.commands ?? [];
    return this.offered ? all.filter((command) => this.offered.has(command.id)) : all;
  }

  /** An edit ends what a person had chosen there. */
  forget(id) {
    for (const key of this.local.chosen.keys()) if (key.startsWith(`${id}:`)) this.local.chosen.delete(key);
  }

  sort() {
    this.order = [...this.messages.keys()].sort(byId);
    if (this.stick && this.order.length > KEEP_MAX) {
      for (const id of this.order.splice(0, this.order.length - KEEP_MAX / 2)) this.messages.delete(id);
      this.older = true;
    }
  }

  /** Draws messages again where they stand. */
  patch(ids) {
    for (const id of ids) {
      const m = this.messages.get(id);
      const node = this.nodes.get(id);
      if (!m || !node) continue;
      const grouped = node.classList.contains('grouped');
      const fresh = this.drawn(m);
      fresh.classList.toggle('grouped', grouped);
      this.nodes.set(id, morph(node, fresh));
    }
  }

  drawn(m) {
    try {
      return message(m, this.local, (id) => this.messages.get(id));
    } catch (error) {
      return el('article', { class: 'message', 'data-message-id': m.id }, el('p', { class: 'failure' }, `This message cannot be drawn: ${error.message}`));
    }
  }

  draw(changed, newest) {
    this.patch([...changed].filter((id) => this.nodes.has(id)));
    const nodes = [this.top()];
    const kept = new Map();
    let above;
    let date;
    let divided = !this.newFrom;
    for (const id of this.order) {
      const m = this.messages.get(id);
      const today = day(Date.parse(m.timestamp));
      let fresh = today !== date;
      if (fresh) nodes.push(this.divider(`day-${today}`, 'day', today));
      date = today;
      if (!divided && byId(id, this.newFrom) > 0 && m.author?.id !== state.me) {
        divided = fresh = true;
        nodes.push(this.divider('new', 'new', 'New messages'));
      }
      const node = this.nodes.get(id) ?? this.drawn(m);
      node.classList.toggle('grouped', !fresh && groups(m, above));
      kept.set(id, node);
      nodes.push(node);
      above = m;
    }
    this.nodes = kept;
    this.keepingPlace(newest, () => place(this.rows, nodes));
  }

  divider(key, kind, text) {
    this.dividers ??= new Map();
    const known = this.dividers.get(key);
    if (known) return known;
    const node = el('div', { class: `divider ${kind}`, role: 'separator', 'aria-label': text }, el('span', {}, text));
    this.dividers.set(key, node);
    return node;
  }

  /** What stands above the oldest message. */
  top() {
    if (this.older) return (this.loader ??= el('p', { class: 'loader', role: 'status' }, 'Loading older messages…'));
    const known = channel(this.id) ?? this.channel;
    const key = `${this.id}:${known?.name}:${this.order.length === 0}`;
    if (this.welcome?.key !== key) this.welcome = { key, node: this.start(known) };
    return this.welcome.node;
  }

  start(known) {
    const direct = known?.type === 1;
    const words = direct ? 'Only the two of you see what is written here.'
      : known?.thread_metadata ? 'This is the beginning of the thread.' : 'This is the beginning of the channel.';
    const posts = [15, 16].includes(known?.type)
      ? (state.data?.threads ?? []).filter((thread) => thread.parent_id === known.id).reverse()
        .map((thread) => el('button', { type: 'button', class: 'thread-link', 'data-thread': thread.id },
          el('b', {}, title(thread)), el('span', { class: 'count' }, plural(thread.message_count ?? 0, 'message')))) : [];
    return el('div', { class: 'welcome' }, el('div', { class: 'welcome-mark', 'aria-hidden': 'true' }, mark(known)),
      el('h3', {}, title(known)), el('p', {}, words, !this.order.length && !posts.length && [' Type ', el('kbd', {}, '/'), ' to see what the app can do.']), posts);
  }

  /** Changes rows such that what a person reads stays where it is. */
  keepingPlace(newest, change) {
    if (this.stick && newest) { change(); this.bottom(); return; }
    const top = this.log.getBoundingClientRect().top;
    const anchor = [...this.rows.querySelectorAll('article')].find((node) => node.getBoundingClientRect().bottom > top);
    const before = anchor?.getBoundingClientRect().top;
    // The browser would do the same a second time.
    this.log.style.overflowAnchor = 'none';
    change();
    if (anchor?.isConnected) this.log.scrollTop += anchor.getBoundingClientRect().top - before;
    requestAnimationFrame(() => { this.log.style.overflowAnchor = ''; });
  }

  bottom() { this.log.scrollTop = this.log.scrollHeight; }

  scrolled() {
    const left = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight;
    // What grows below does not take a person away from the newest; only going up does.
    if (left < NEAR_PX) this.stick = true;
    else if (this.log.scrollTop < this.lastTop) this.stick = false;
    this.lastTop = this.log.scrollTop;
    if (this.stick) { this.away = 0; this.seen(); }
    this.offerPresent(left);
    if (this.older && this.log.scrollTop < AHEAD_PX) this.loadOlder().catch((error) => this.fail(error));
  }

  /** The way back to the newest message, once it is far off or there is something new. */
  offerPresent(left = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight) {
    this.present.hidden = this.stick || (!this.away && left < 1.5 * this.log.clientHeight);
    this.present.textContent = this.away ? `${plural(this.away, 'new message')} ↓` : 'Jump to present ↓';
  }

  async loadOlder(limit = MORE) {
    if (this.loading || !this.older) return;
    this.loading = true;
    const { id } = this;
    try {
      const view = await act('view', { channel_id: id, user_id: state.me, html: true, limit, before: this.order[0] });
      if (id !== this.id) return;
      this.older = view.messages.length >= limit;
      this.stick = false;
      this.apply(view, true);
      if (!view.messages.length) this.draw(new Set(), false);
    } finally {
      this.loading = false;
    }
  }

  /** Brings a message into sight, loading back to it, and lets it flash. */
  async jump(id) {
    while (this.older && (!this.order.length || byId(this.order[0], id) > 0)) await this.loadOlder(PAGE_MAX);
    const node = this.nodes.get(id);
    if (!node) { this.said('That message is not there any more.'); return; }
    this.stick = false;
    node.scrollIntoView({ block: 'center' });
    // What was out of sight has its true height only now.
    requestAnimationFrame(() => node.scrollIntoView({ block: 'center' }));
    node.classList.remove('flash');
    requestAnimationFrame(() => node.classList.add('flash'));
    node.focus({ preventScroll: true });
  }

  toPresent() {
    this.stick = true;
    this.away = 0;
    this.bottom();
    this.present.hidden = true;
  }

  /** Notes what the person has now seen. */
  seen() {
    if (!this.id || document.hidden || !this.stick || this.root.hidden) return;
    const last = this.channel?.last_message_id ?? this.order.at(-1);
    if (last && reading.mark(this.id, last)) this.read?.();
  }

  /** Puts an ephemeral message away, on this page only. */
  dismiss(id) {
    this.dismissed.add(id);
    if (this.messages.delete(id)) { this.sort(); this.draw(new Set(), true); }
  }

  /** Draws a message again after something of this page's own has changed. */
  redraw(id) { this.patch([id]); }
}
