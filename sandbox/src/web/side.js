// The left side: channels with what is unread, who one is, and whether the app is there.

import { $, avatar, byId, called, colour, el, plural } from './dom.js';
import { act } from './net.js';
import { Listbox, choose } from './listbox.js';
import { signed } from './signs.js';
import { bot, colourOf, mark, rank, reading, state, title } from './state.js';

/** Threads shown below a channel; more when a person asks. */
const THREADS_SHOWN = 6;
const CATEGORY = 4;

export class Side {
  /** `app` opens what is chosen. */
  constructor(app) {
    this.app = app;
    this.all = new Set();
    this.folded = new Set();
    $('channels').addEventListener('click', (event) => this.clicked(event));
    $('person').addEventListener('click', () => this.choosePerson());
    $('switcher').addEventListener('click', () => this.find());
  }

  clicked(event) {
    const entry = event.target.closest('[data-channel-id]');
    const fold = event.target.closest('[data-fold]');
    const more = event.target.closest('[data-more]');
    if (entry) this.app.go(entry.dataset.channelId);
    if (fold) this.toggle(this.folded, fold.dataset.fold);
    if (more) this.toggle(this.all, more.dataset.more);
  }

  toggle(set, id) {
    if (!set.delete(id)) set.add(id);
    this.draw();
  }

  draw() {
    const { channels = [], threads = [] } = state.data ?? {};
    const direct = channels.filter((c) => c.type === 1);
    const inGuild = channels.filter((c) => c.type !== 1);
    const nodes = [];
    for (const entry of inGuild.filter((c) => c.type !== CATEGORY && !inGuild.some((p) => p.id === c.parent_id))) nodes.push(...this.entry(entry, threads));
    for (const category of inGuild.filter((c) => c.type === CATEGORY)) {
      const folded = this.folded.has(category.id);
      nodes.push(el('button', { type: 'button', class: 'category', 'data-fold': category.id, 'aria-expanded': String(!folded) }, title(category)));
      if (!folded) for (const entry of inGuild.filter((c) => c.parent_id === category.id)) nodes.push(...this.entry(entry, threads));
    }
    if (direct.length) nodes.push(el('h2', { class: 'group' }, 'Direct messages'), ...direct.map((entry) => this.row(entry)));
    const focused = document.activeElement?.dataset?.channelId;
    $('channels').replaceChildren(...nodes);
    if (focused) $('channels').querySelector(`[data-channel-id="${focused}"]`)?.focus();
    const mentions = [...channels, ...threads].reduce((sum, entry) => sum + ((!this.isOpen(entry.id) && this.unreadOf(entry)?.mentions) || 0), 0);
    document.title = `${mentions ? `(${mentions}) ` : ''}Shanty sandbox`;
  }

  entry(entry, threads) {
    const below = threads.filter((thread) => thread.parent_id === entry.id)
      .sort((a, b) => byId(b.last_message_id ?? b.id, a.last_message_id ?? a.id));
    const all = this.all.has(entry.id);
    const shown = below.filter((thread, index) => all || index < THREADS_SHOWN || this.isOpen(thread.id) || this.unreadOf(thread));
    const left = below.length - shown.length;
    return [this.row(entry), ...shown.map((thread) => this.row(thread, true)),
      (left > 0 || (all && below.length > THREADS_SHOWN)) && el('button', { type: 'button', class: 'more-threads', 'data-more': entry.id },
        all ? 'fewer threads' : plural(left, 'more thread'))].filter(Boolean);
  }

  isOpen(id) { return this.app.open().includes(id); }

  row(entry, below = false) {
    const here = this.isOpen(entry.id);
    const unread = here ? undefined : this.unreadOf(entry);
    const label = title(entry);
    return el('button', {
      type: 'button', class: `channel ${below ? 'below' : ''} ${unread ? 'unread' : ''}`, 'data-channel-id': entry.id,
      'aria-current': here && 'page', title: label,
      'aria-label': `${label}${unread ? ', unread' : ''}${unread?.mentions ? `, ${unread.mentions} mentions` : ''}`,
    }, el('span', { class: 'mark', 'aria-hidden': 'true' }, below ? '' : mark(entry)), el('span', { class: 'name' }, signed(label)),
    unread?.mentions ? el('span', { class: 'badge' }, unread.mentions > 99 ? '99+' : String(unread.mentions)) : undefined);
  }

  /** Threads are unread only for who takes part in them, unless they call somebody. */
  unreadOf(entry) {
    const counted = state.unread.get(entry.id);
    if (!counted?.unread) return undefined;
    return entry.thread_metadata && !entry.joined && !counted.mentions ? undefined : counted;
  }

  /** Asks how much is unread where something new was said. */
  async count(ids) {
    const channels = {};
    for (const id of ids) {
      const last = state.last.get(id);
      const read = reading.upTo(id) ?? this.begun(id);
      if (last && byId(last, read) > 0) channels[id] = read;
      else state.unread.delete(id);
    }
    if (!Object.keys(channels).length) { this.draw(); return; }
    const { me } = state;
    const answer = await act('unread', { user_id: me, channels });
    if (me !== state.me) return;
    for (const [id, counted] of Object.entries(answer.channels)) {
      if (counted.unread && !this.isOpen(id)) state.unread.set(id, counted);
      else state.unread.delete(id);
    }
    this.draw();
  }

  /** A thread that is not known yet is new as a whole. */
  begun(id) { return state.data?.threads.some((t) => t.id === id) ? id : '1'; }

  /** Everything that exists when a person first looks counts as read. */
  begin() {
    for (const entry of [...state.data.channels, ...state.data.threads]) {
      if (entry.last_message_id) state.last.set(entry.id, entry.last_message_id);
      if (!reading.upTo(entry.id) && !this.begun_before) reading.mark(entry.id, entry.last_message_id ?? entry.id);
    }
    this.begun_before = true;
    state.unread.clear();
    return this.count([...state.last.keys()].slice(0, 2000));
  }

  person() {
    const me = state.data.people.find((p) => p.id === state.me);
    const tint = colourOf(state.me);
    $('person').replaceChildren(avatar(me), el('span', { class: 'what' }, el('b', {}, called(me)),
      el('small', { vars: { '--c': tint ? colour(tint) : 'var(--soft)' } }, el('span', { class: 'dot', 'aria-hidden': 'true' }), rank(state.me))),
    el('span', { class: 'caret', 'aria-hidden': 'true' }, '⌃'));
    $('person').setAttribute('aria-label', `You are ${called(me)}, ${rank(state.me)}. Switch person`);
    $('person').dataset.userId = state.me;
  }

  choosePerson() {
    const people = state.data.people.filter((p) => !p.bot);
    choose($('person'), {
      label: 'Person', chosen: [state.me],
      rows: people.map((p) => ({ value: p.id, label: called(p), note: rank(p.id), icon: p })),
      done: ([row]) => this.app.become(row.value),
    });
  }

  bot(online) {
    const { bot_activities: activities = [], bot_status: status = 'online' } = state.data ?? {};
    const doing = activities[0];
    const verb = { 0: 'Playing', 1: 'Streaming', 2: 'Listening to', 3: 'Watching', 5: 'Competing in' }[doing?.type];
    const what = doing ? (doing.type === 4 ? doing.state ?? doing.name : `${verb ?? ''} ${doing.name}`.trim()) : undefined;
    $('bot').className = online ? status : 'off';
    $('bot-state').textContent = `${called(bot())} ${online ? (what ? `· ${what}` : 'is online') : 'is offline'}`;
  }

  /** A dialog that finds channels, threads and direct messages by name. */
  find() {
    const rows = [...(state.data?.channels ?? []), ...(state.data?.threads ?? [])].filter((c) => c.type !== CATEGORY);
    const parent = (c) => title(state.data.channels.find((known) => known.id === c.parent_id));
    const dialog = el('dialog', { class: 'finder', 'aria-label': 'Find a channel' });
    const input = el('input', { type: 'text', class: 'search', placeholder: 'Where to?', 'aria-label': 'Where to?', spellcheck: 'false' });
    const root = el('div', { class: 'list' });
    const list = new Listbox(root, (item) => { dialog.close(); this.app.go(item.value); }, { label: 'Channels' });
    list.tie(input);
    const draw = () => {
      const typed = input.value.trim().toLowerCase();
      const fits = rows.filter((c) => title(c).toLowerCase().includes(typed));
      list.show(fits.slice(0, 12).map((c) => ({ value: c.id, label: `${mark(c)} ${title(c)}`, note: c.thread_metadata ? parent(c) : '' })));
    };
    input.addEventListener('input', draw);
    input.addEventListener('keydown', (event) => {
      if (list.key(event)) return;
      if (event.key === 'Enter' && list.active) { event.preventDefault(); list.pick(list.active); }
    });
    dialog.append(input, root);
    dialog.addEventListener('close', () => dialog.remove());
    dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
    draw();
    input.focus();
  }

  /** The channel before or after the open one, unread ones only if asked. */
  neighbour(step) {
    const ids = [...$('channels').querySelectorAll('[data-channel-id]')].map((node) => node.dataset.channelId);
    const at = ids.findIndex((id) => this.isOpen(id));
    return ids[(at + step + ids.length) % ids.length];
  }
}
