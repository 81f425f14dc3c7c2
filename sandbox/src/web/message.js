// One message as a node. Nothing here listens; `actions` hears the whole column.

import { avatar, called, colour, el, plural } from './dom.js';
import { clock, inline, moment, rich } from './html.js';
import { signed } from './signs.js';
import { component, embed, loose, walk } from './cards.js';
import { bot, channel, colourOf, mark, person, pings, state, title } from './state.js';

const HAS_THREAD = 1 << 5;
const EPHEMERAL = 1 << 6;
const LOADING = 1 << 7;
const V2 = 1 << 15;

/** Messages of one author within this time stand under one name. */
const GROUP_MS = 7 * 60 * 1000;
const SYSTEM = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 18, 31]);

/** Whether a message needs no name of its own below another. */
export function groups(m, above) {
  if (!above || above.author?.id !== m.author?.id) return false;
  if (usedBy(m) || replyOf(m) || SYSTEM.has(m.type) || SYSTEM.has(above.type) || m.type === 21 || above.type === 21) return false;
  if (Boolean(m.flags & EPHEMERAL) !== Boolean(above.flags & EPHEMERAL)) return false;
  return Date.parse(m.timestamp) - Date.parse(above.timestamp) < GROUP_MS;
}

/** The node of a message; `local` is what only this page knows, `find` gives other messages of the column. */
export function message(m, local, find) {
  if (SYSTEM.has(m.type)) return system(m);
  if (m.type === 21) return starter(m, find);
  const only = Boolean(m.flags & EPHEMERAL);
  const author = m.author ?? bot();
  const classes = ['message', only && 'ephemeral', pings(m) && 'pings', m.notice && 'notice'].filter(Boolean).join(' ');
  const failure = local.failed.get(m.id);
  return el('article', { class: classes, 'data-message-id': m.id, 'data-author-id': author.id, tabindex: '-1', 'aria-label': `${called(author)}, ${clock(Date.parse(m.timestamp))}` },
    above(m, find),
    el('button', { class: 'face', type: 'button', 'data-user-id': author.id, tabindex: '-1', 'aria-label': `More about ${called(author)}` }, avatar(author)),
    by(m, author),
    el('time', { class: 'gutter', datetime: m.timestamp, 'aria-hidden': 'true' }, clock(Date.parse(m.timestamp))),
    el('div', { class: 'body' }, body(m, local),
      failure && el('p', { class: 'failure', role: 'alert' }, failure),
      (m.reactions?.length ?? 0) > 0 && reactions(m),
      Boolean(m.flags & HAS_THREAD) && m.thread && threadLink(m.thread),
      only && el('p', { class: 'only' }, el('span', { 'aria-hidden': 'true' }, '◉ '), 'Only you can see this · ',
        el('button', { type: 'button', class: 'link dismiss' }, 'Dismiss'))),
    el('button', { class: 'more', type: 'button', tabindex: '-1', 'aria-label': 'More', 'aria-haspopup': 'menu', title: 'More' }, '⋯'));
}

function above(m, find) {
  const used = usedBy(m);
  if (used) {
    return el('div', { class: 'above' }, avatar(used.user, 'tiny'), el('b', {}, called(used.user)), ' used ',
      el('span', { class: 'command-name' }, used.name));
  }
  const reply = replyOf(m);
  if (!reply) return undefined;
  const to = m.referenced_message ?? find(reply);
  const pressed = to ? undefined : pressedBy(m);
  if (pressed) return pressed;
  return el('button', { type: 'button', class: 'above reply', 'data-jump': reply },
    to ? [avatar(to.author, 'tiny'), el('b', {}, called(to.author)), ' ', el('span', { class: 'excerpt' }, signed(excerpt(to)))]
      : el('i', {}, 'The message that this answers is not there'));
}

/** Who pressed a button on a message that only they see: to others, and once it is put away, the answer stands by itself. */
function pressedBy(m) {
  const meta = m.interaction_metadata;
  if (!meta?.user) return undefined;
  const name = meta.triggering_interaction_metadata?.name ?? meta.name;
  return el('div', { class: 'above' }, avatar(meta.user, 'tiny'), el('b', {}, called(meta.user)),
    name ? [' used ', el('span', { class: 'command-name' }, `/${name}`)] : ' used a button');
}

const replyOf = (m) => (m.type === 19 || (m.type === 0 && m.message_reference?.type !== 1) ? m.message_reference?.message_id : undefined);

function usedBy(m) {
  const meta = m.interaction_metadata;
  if (meta?.name) {
    // Names of menu commands are plain words, those of slash commands are written with a slash.
    const known = (state.data?.commands ?? []).filter((command) => command.name === meta.name || meta.name.startsWith(`${command.name} `));
    const slash = meta.command_type ? meta.command_type === 1 && known.every((command) => (command.type ?? 1) === 1) : true;
    return { user: meta.user, name: `${slash ? '/' : ''}${meta.name}` };
  }
  if (m.notice && m.label?.startsWith('/')) return { user: person(state.me), name: m.label };
  return undefined;
}

/** The first words of a message, for a line that leads to it. */
export function excerpt(m) {
  const said = m.content ? m : [...walk(m.components)].find((part) => part.content);
  if (!said) return m.attachments?.length ? 'an attachment' : 'a card';
  const node = rich(said.content_html, said.content);
  node.querySelectorAll('.copy').forEach((button) => button.remove());
  // Blocks stand on lines of their own; here they follow each other.
  node.querySelectorAll('br, h1, h2, h3, h4, h5, h6, p, small, .sub, li, blockquote, hr, .fence').forEach((block) => { block.before(' '); block.after(' '); });
  return node.textContent.replace(/\s+/g, ' ').trim().slice(0, 120);
}

function by(m, author) {
  const at = Date.parse(m.timestamp);
  const tint = colourOf(author.id);
  return el('div', { class: 'by' },
    el('b', { class: 'author', 'data-user-id': author.id, vars: tint ? { '--c': colour(tint) } : undefined }, called(author)),
    author.bot && el('span', { class: 'tag' }, 'APP'),
    el('time', { datetime: m.timestamp, title: moment(at) }, clock(at)),
    m.pinned && el('span', { class: 'pinned', title: 'Pinned', 'aria-label': 'Pinned' }, '📌'));
}

function body(m, local) {
  if (m.notice) return el('p', { class: 'failure' }, m.notice);
  if (m.flags & LOADING) {
    return el('p', { class: 'thinking' }, el('span', { class: 'dots', 'aria-hidden': 'true' }, el('i'), el('i'), el('i')), `${called(m.author)} is thinking…`);
  }
  const edited = m.edited_timestamp && el('span', { class: 'edited', title: new Date(m.edited_timestamp).toLocaleString() }, '(edited)');
  const parts = [];
  if (m.content && !(m.flags & V2)) {
    const text = rich(m.content_html, m.content);
    if (edited) (text.lastChild?.nodeName === 'P' ? text.lastChild : text).append(' ', edited);
    parts.push(text);
  }
  parts.push(...m.embeds.map((data) => embed(data, m)), ...m.components.filter((part) => m.flags & V2 || part.type !== 1)
    .map((part) => component(part, m, local)), ...loose(m));
  if (!(m.flags & V2)) parts.push(...m.components.filter((part) => part.type === 1).map((part) => component(part, m, local)));
  if (edited && !edited.parentNode) parts.push(el('p', { class: 'edited-line' }, edited));
  return parts;
}

function reactions(m) {
  return el('div', { class: 'reactions', role: 'group', 'aria-label': 'Reactions' }, m.reactions.map((r) => el('button', {
    type: 'button', class: 'reaction', 'data-reaction': r.emoji.id ? `${r.emoji.name}:${r.emoji.id}` : r.emoji.name,
    'aria-pressed': String(mine(r)), 'aria-label': `${r.emoji.name}, ${plural(r.count, 'reaction')}`,
  }, el('span', { class: 'emoji' }, r.emoji.id ? `:${r.emoji.name}:` : signed(r.emoji.name)), el('span', {}, String(r.count)))));
}

/** Whether this person reacted: the server lists who did in views; `me` is the bot's. */
const mine = (r) => (r.user_ids ?? []).includes(state.me);

function threadLink(thread) {
  const known = channel(thread.id) ?? thread;
  const count = thread.message_count ?? 0;
  return el('button', { type: 'button', class: 'thread-link', 'data-thread': thread.id },
    el('span', { class: 'mark', 'aria-hidden': 'true' }, '⤷'), el('b', {}, signed(title(known))),
    el('span', { class: 'count' }, `${plural(count, 'message')} ›`));
}

function system(m) {
  const who = el('b', { class: 'author', 'data-user-id': m.author?.id }, called(m.author));
  const link = (text, data) => el('button', { type: 'button', class: 'link', ...data }, text);
  const words = {
    6: () => ['📌', [who, ' pinned ', link('a message', { 'data-jump': m.message_reference?.message_id }), ' to this channel.']],
    7: () => ['→', [who, ' joined.']],
    18: () => ['⤷', [who, ' started a thread: ', link(m.content, { 'data-thread': m.message_reference?.channel_id ?? m.thread?.id ?? m.id })]],
    4: () => ['✎', [who, ` changed the name: ${m.content}`]],
    1: () => ['+', [who, ' added ', called(m.mentions[0]), ' to the thread.']],
    2: () => ['−', [who, ' removed ', called(m.mentions[0]), ' from the thread.']],
  }[m.type]?.() ?? ['·', [who, ' ', m.content]];
  return el('article', { class: 'message system', 'data-message-id': m.id, tabindex: '-1' },
    el('span', { class: 'face', 'aria-hidden': 'true' }, words[0]),
    el('div', { class: 'body' }, el('p', {}, words[1], ' ', el('time', { datetime: m.timestamp }, clock(Date.parse(m.timestamp))))));
}

/** The first message of a thread stands in the channel above it. */
function starter(m, find) {
  const to = m.referenced_message ?? find(m.message_reference?.message_id);
  const place = channel(m.message_reference?.channel_id);
  const shown = to ? message({ ...to, thread: undefined, reactions: [] }, { busy: new Set(), failed: new Map(), chosen: new Map() }, find) : undefined;
  if (shown) {
    shown.querySelectorAll('button.act, button.select').forEach((control) => { control.disabled = true; });
    shown.dataset.messageId = m.id;
    shown.classList.add('starter');
    shown.classList.remove('pings');
    return shown;
  }
  return el('article', { class: 'message system', 'data-message-id': m.id, tabindex: '-1' },
    el('span', { class: 'face', 'aria-hidden': 'true' }, '⤷'),
    el('div', { class: 'body' }, el('p', {}, 'This thread started from ',
      el('button', { type: 'button', class: 'link', 'data-channel': place?.id, 'data-message': m.message_reference?.message_id }, 'a message'),
      place && [' in ', inline(undefined, `${mark(place)} ${title(place)}`)])));
}
