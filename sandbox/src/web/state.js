// What the page knows: the guild as the server told it, who looks at it, and how far each person has read.

import { byId, called } from './dom.js';

/** `me` is the id of the person; `data` the last answer of the action `client`. */
export const state = { me: undefined, data: undefined, unread: new Map(), last: new Map() };

const find = (list, id) => list?.find((entry) => entry.id === id);

export const person = (id) => find(state.data?.people, id);
export const role = (id) => find(state.data?.roles, id);
export const channel = (id) => find(state.data?.channels, id) ?? find(state.data?.threads, id);
export const bot = () => person(state.data?.application_id) ?? { id: state.data?.application_id, username: 'App', bot: true };

/** What a channel is called in lists; a direct message is called as the one at its other end. */
export function title(entry) {
  if (!entry) return '';
  return entry.type === 1 ? called(bot()) : entry.title || entry.name || '';
}

/** The sign before a channel's name. */
export function mark(entry) {
  if (entry?.type === 1) return '@';
  if (entry?.thread_metadata) return '⤷';
  return { 2: '♪', 5: '⚑', 13: '♪', 15: '▤', 16: '▤' }[entry?.type] ?? '#';
}

/** Someone's roles, highest first. */
export function rolesOf(id) {
  const held = person(id)?.roles ?? [];
  return held.map(role).filter(Boolean).sort((a, b) => b.position - a.position);
}

/** What someone is, in a word. */
export function rank(id) {
  if (state.data?.guild.owner_id === id) return 'Owner';
  return rolesOf(id)[0]?.name ?? 'No role';
}

/** The colour of someone's highest coloured role. */
export const colourOf = (id) => rolesOf(id).find((r) => r.color)?.color;

/** Whether a message calls this person. */
export function pings(m) {
  const mine = person(state.me)?.roles ?? [];
  return m.mention_everyone || m.mentions.some((u) => u.id === state.me) || m.mention_roles.some((id) => mine.includes(id));
}

/** People, roles and channels as rows of a picker, for a select of this component type. */
export function entities(type, channelTypes) {
  const people = () => (state.data?.people ?? [])
    .map((p) => ({ value: p.id, label: called(p), note: rank(p.id), icon: p }));
  const roles = () => (state.data?.roles ?? []).filter((r) => r.name !== '@everyone' && !r.managed)
    .map((r) => ({ value: r.id, label: `@${r.name}`, note: 'role', color: r.color }));
  const channels = () => [...(state.data?.channels ?? []), ...(state.data?.threads ?? [])]
    .filter((c) => c.type !== 1 && (!channelTypes?.length || channelTypes.includes(c.type)))
    .map((c) => ({ value: c.id, label: `${mark(c)} ${title(c)}`, note: '' }));
  return { 5: people, 6: roles, 7: () => [...people(), ...roles()], 8: channels }[type]?.() ?? [];
}

/** A value that the browser remembers; private windows forget. */
export const memory = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* it is only forgotten */ } },
  /** Forgets what belongs to other guilds: every start of the sandbox is a new one. */
  keepOnly(prefix, key) {
    try {
      for (const known of Object.keys(localStorage)) if (known.startsWith(prefix) && known !== key) localStorage.removeItem(known);
    } catch { /* nothing was remembered */ }
  },
};

const USED = 'shanty.used';

/** How often each person has used each command; by their names, since ids are others after every start. */
export const uses = {
  all() {
    try { return JSON.parse(memory.get(USED) ?? '{}') ?? {}; } catch { return {}; }
  },
  mine() {
    const mine = this.all()[person(state.me)?.username];
    return new Map(Object.entries(mine ?? {}).filter(([, count]) => Number.isSafeInteger(count)));
  },
  add(name) {
    const mine = this.mine();
    mine.set(name, (mine.get(name) ?? 0) + 1);
    memory.set(USED, JSON.stringify({ ...this.all(), [person(state.me)?.username]: Object.fromEntries(mine) }));
  },
};

/** What was stored as ids by channel by person; other programs on the same port may have stored anything. */
function remembered(text) {
  const all = {};
  let stored;
  try { stored = JSON.parse(text ?? '{}'); } catch { return all; }
  for (const [who, read] of Object.entries(stored ?? {})) {
    if (/^\d+$/.test(who)) all[who] = Object.fromEntries(Object.entries(read ?? {}).filter((pair) => pair.every((id) => typeof id === 'string' && /^\d+$/.test(id))));
  }
  return all;
}

/** How far each person has read, by channel. */
class Reading {
  open(guild) {
    this.key = `shanty.read.${guild}`;
    memory.keepOnly('shanty.read.', this.key);
    this.all = remembered(memory.get(this.key));
  }

  mine() { return (this.all[state.me] ??= {}); }

  upTo(id) { return this.mine()[id]; }

  /** Notes what was read; true when that is news. */
  mark(id, message) {
    const mine = this.mine();
    state.unread.delete(id);
    if (!message || (mine[id] && byId(mine[id], message) >= 0)) return false;
    mine[id] = message;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => memory.set(this.key, JSON.stringify(this.all)), 300);
    return true;
  }
}

export const reading = new Reading();
