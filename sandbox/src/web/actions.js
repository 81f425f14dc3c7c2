// What a person does with messages: buttons, selects, reactions, menus, links, copies.
//
// One listener per column: messages are drawn again and again and carry no listeners of their own.

import { $, avatar, called, el, madeAt } from './dom.js';
import { moment } from './html.js';
import { act } from './net.js';
import { keyOf, rowsOf, walk } from './cards.js';
import { choose, closePopup, popup } from './listbox.js';
import { bot, colourOf, person, rank, rolesOf, state } from './state.js';

const USER_MENU = 2;
const MESSAGE_MENU = 3;
const FAILED = 'This interaction failed.';

/** Waits for the answer to an interaction; opens the modal when it is one. */
export async function follow(interaction, app) {
  const outcome = await act('outcome', { interaction_id: interaction });
  if (outcome.kind === 'modal') await app.modal();
  return outcome.answered;
}

/** Uses a button or select; the control spins until the app has answered. */
async function use(pane, app, m, part, action, body) {
  const key = keyOf(m, part);
  pane.local.busy.add(key);
  pane.local.failed.delete(m.id);
  pane.redraw(m.id);
  try {
    const { interaction_id: id } = await act(action, {
      channel_id: m.channel_id, user_id: state.me, message_id: m.id, custom_id: part.custom_id, ...body,
    });
    if (!await follow(id, app)) pane.local.failed.set(m.id, FAILED);
  } catch (error) {
    pane.local.failed.set(m.id, error.message);
  } finally {
    pane.local.busy.delete(key);
    pane.redraw(m.id);
    // While it was busy it could not have the focus, so a form that it opened does not know where that has to return to.
    const back = () => pane.log.querySelector(`[data-message-id="${m.id}"] [data-custom-id="${CSS.escape(part.custom_id)}"]`)?.focus({ preventScroll: true });
    if ($('modal').open) $('modal').addEventListener('close', back, { once: true });
    else back();
  }
}

function openSelect(pane, app, m, part, control) {
  const kept = pane.local.chosen.get(keyOf(m, part));
  const defaults = (part.options ?? []).filter((option) => option.default).map((option) => option.value);
  const values = kept?.values ?? [...defaults, ...(part.default_values ?? []).map((value) => value.id)];
  choose(control, {
    rows: rowsOf(part), min: part.min_values ?? 1, max: part.max_values ?? 1, chosen: values, label: part.placeholder ?? 'Make a selection',
    done(rows) {
      const picked = rows.map((row) => row.value);
      pane.local.chosen.set(keyOf(m, part), { values: picked, labels: rows.map((row) => row.label) });
      use(pane, app, m, part, 'select', { values: picked });
    },
  });
}

/** Hears everything that happens in a column. */
export function wire(pane, app) {
  pane.log.addEventListener('click', (event) => clicked(event, pane, app));
  pane.log.addEventListener('contextmenu', (event) => {
    const target = meant(event.target, pane);
    if (!target || getSelection()?.toString() || event.target.closest('a[href], img')) return;
    event.preventDefault();
    const user = event.target.closest('[data-user-id], .mention[data-user]');
    if (user) userMenu(user, user.dataset.userId ?? user.dataset.user, pane, app);
    else messageMenu(target.node.querySelector('.more') ?? target.node, target.m, pane, app);
  });
  pane.log.addEventListener('keydown', (event) => keyed(event, pane, app));
}

function meant(from, pane) {
  const node = from.closest?.('article[data-message-id]');
  const m = node && pane.messages.get(node.dataset.messageId);
  return m ? { node, m } : undefined;
}

function clicked(event, pane, app) {
  const hit = (selector) => event.target.closest(selector);
  const link = hit('[data-channel]');
  if (link?.dataset.channel) {
    event.preventDefault();
    app.go(link.dataset.channel, link.dataset.message);
    return;
  }
  if (hit('.spoiler, .hidden-media, .veiled')) {
    const veil = hit('.spoiler, .hidden-media, .veiled');
    if (!veil.hasAttribute('data-revealed')) { event.preventDefault(); veil.setAttribute('data-revealed', ''); return; }
  }
  const thread = hit('[data-thread]');
  if (thread) { app.openThread(thread.dataset.thread); return; }
  const copy = hit('.copy');
  if (copy) { copyText(copy.parentNode.querySelector('pre').textContent, copy); return; }
  const target = meant(event.target, pane);
  if (!target) return;
  const { m } = target;
  const jump = hit('[data-jump]');
  if (jump) { pane.jump(jump.dataset.jump); return; }
  if (hit('.dismiss')) { pane.dismiss(m.id); return; }
  const reaction = hit('[data-reaction]');
  if (reaction) { react(pane, m, reaction.dataset.reaction, reaction.getAttribute('aria-pressed') === 'true'); return; }
  if (hit('.more')) { messageMenu(hit('.more'), m, pane, app); return; }
  const user = hit('[data-user-id], .mention[data-user]');
  if (user) { userMenu(user, user.dataset.userId ?? user.dataset.user, pane, app); return; }
  const control = hit('[data-custom-id]');
  if (!control || control.disabled) return;
  const part = [...walk(m.components)].find((known) => known.custom_id === control.dataset.customId);
  if (!part) return;
  if (part.type === 2) use(pane, app, m, part, 'click', {});
  else openSelect(pane, app, m, part, control);
}

/** Arrows go from message to message once the column or a message has the focus. */
function keyed(event, pane, app) {
  const at = document.activeElement;
  const onRow = at === pane.log || at.matches?.('article.message');
  if (event.key === 'Enter' || event.key === ' ') {
    if (at.matches?.('.spoiler')) { event.preventDefault(); at.click(); }
    else if (event.key === 'Enter' && at.matches?.('article.message')) {
      const target = meant(at, pane);
      // Or else the same key would press what then has the focus: the first entry of the menu.
      event.preventDefault();
      if (target) messageMenu(at.querySelector('.more') ?? at, target.m, pane, app);
    }
    return;
  }
  if (!onRow || !['ArrowUp', 'ArrowDown', 'Home', 'End'].includes(event.key)) return;
  event.preventDefault();
  const rows = [...pane.rows.querySelectorAll('article.message')];
  const index = rows.indexOf(at);
  const to = {
    ArrowUp: index < 0 ? rows.length - 1 : index - 1, ArrowDown: index < 0 ? rows.length - 1 : index + 1, Home: 0, End: rows.length - 1,
  }[event.key];
  const row = rows[Math.max(0, Math.min(to, rows.length - 1))];
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: 'nearest' });
}

async function react(pane, m, emoji, remove) {
  try {
    await act('react', { channel_id: m.channel_id, user_id: state.me, message_id: m.id, emoji, remove });
  } catch (error) {
    pane.said(error.message);
  }
}

async function copyText(text, button) {
  const label = button?.textContent;
  try {
    await navigator.clipboard.writeText(text);
    if (button) button.textContent = 'Copied';
  } catch {
    if (button) button.textContent = 'Cannot copy';
  }
  if (button) setTimeout(() => { button.textContent = label; }, 1500);
}

/** A menu of `[label, act, note?]` at an element. The focus returns to where it was, whatever is chosen. */
export function menu(anchor, head, entries) {
  const before = document.activeElement;
  const back = () => (anchor.contains(before) || before?.contains?.(anchor) && before !== document.body ? before : anchor).focus?.({ preventScroll: true });
  const rows = entries.map(([label, run, note]) => el('button', {
    type: 'button', role: 'menuitem', class: 'menu-item', on: { click: () => { closePopup(); back(); run(); } },
  }, el('span', {}, label), note && el('span', { class: 'side-note' }, note)));
  const box = el('div', { role: 'menu', class: 'menu' }, rows);
  box.addEventListener('keydown', (event) => {
    const at = rows.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === 'Tab') { event.preventDefault(); closePopup(); back(); }
    if (to === undefined) return;
    event.preventDefault();
    rows[(to + rows.length) % rows.length]?.focus();
  });
  popup(anchor, [head, box], { back });
  rows[0]?.focus({ preventScroll: true });
}

function apps(type, target, channelId, pane, app) {
  return pane.commands().filter((command) => command.type === type).map((command) => [command.name, async () => {
    try {
      const { interaction_id: id } = await act('slash', {
        channel_id: channelId, user_id: state.me, name: command.name, type, target_id: target,
      });
      if (!await follow(id, app)) pane.said('The app did not respond.');
    } catch (error) {
      pane.said(error.message);
    }
  }, called(bot())]);
}

function messageMenu(anchor, m, pane, app) {
  const own = m.notice ? [] : apps(MESSAGE_MENU, m.id, m.channel_id, pane, app);
  const only = m.ephemeral;
  const link = `${location.origin}/channels/${m.guild_id ?? state.data.guild.id}/${m.channel_id}/${m.id}`;
  menu(anchor, undefined, [
    ...own,
    ...(m.notice || only ? [] : [['Reply', () => pane.composer.answer(m)], ['React with 👍', () => react(pane, m, '👍', false)]]),
    ['Copy text', () => copyText(m.text || m.content)],
    ['Copy link', () => copyText(link)],
    ['Copy id', () => copyText(m.id)],
  ]);
}

function userMenu(anchor, id, pane, app) {
  const user = person(id);
  if (!user) return;
  const roles = rolesOf(id).map((role) => role.name).join(', ');
  const head = el('div', { class: 'card-of' }, avatar(user),
    el('div', {}, el('b', {}, called(user)), el('small', {}, user.bot ? 'App' : rank(id)),
      roles && el('small', {}, roles), el('small', {}, `since ${moment(madeAt(id))}`)));
  menu(anchor, head, [
    ...apps(USER_MENU, id, pane.id, pane, app),
    ['Mention', () => app.mention(pane, `<@${id}> `)],
    ['Copy id', () => copyText(id)],
  ]);
  return colourOf(id);
}
