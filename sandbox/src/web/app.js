// The web client: what is open, who looks at it, and what the server tells.
//
// The server only says that something changed; each column then fetches what is new to it. Where one is stands in the
// address after `#`: `#/CHANNEL` or `#/CHANNEL/THREAD`.
//
// For tests, these names stay: #main and #thread (columns), #main-log and #thread-log (role log), #main-input and
// #thread-input (message boxes, with #…-list as listbox of suggestions), input[data-option=NAME] (an option of a command),
// article[data-message-id] (with .ephemeral, .system, .pings), button[data-custom-id] (buttons; [data-select] for selects),
// [role=option][data-value] (rows of every list), .popup (what a select or menu opens), dialog#modal with
// .form-field[data-custom-id], button[type=submit], [data-channel-id] (channels and threads at the left), .thread-link
// [data-thread], #person (who one is, [data-user-id]), #bot-state, #banner (connection), .dismiss, .more, .reaction
// [data-reaction], .present, .hint (what went wrong).

import { $, byId } from './dom.js';
import { act, listen } from './net.js';
import { wire } from './actions.js';
import { closePopup, popupOpen } from './listbox.js';
import { closeModal, openModal } from './modal.js';
import { Composer } from './composer.js';
import { Pane } from './pane.js';
import { Side } from './side.js';
import { channel, memory, person, reading, state } from './state.js';

const COUNT_MS = 300;

const app = {
  /** The ids of what is shown. */
  open: () => [main.id, thread.id].filter(Boolean),

  /** Opens a channel or thread, and shows a message in it. */
  async go(id, messageId) {
    const known = channel(id);
    const below = known ? Boolean(known.thread_metadata) : id !== main.id;
    if (below) setPlace(known?.parent_id ?? main.id, id);
    else setPlace(id, messageId ? thread.id : undefined);
    await follow();
    drawer(false);
    const pane = below ? thread : main;
    if (messageId) { await pane.refresh(); await pane.jump(messageId); }
    else pane.composer.focus();
  },

  openThread(id) { return app.go(id); },

  mention(pane, text) { pane.composer.insert(text); },

  /** Shows the modal that has just been opened for this person. One that a page was left with is lost, as on Discord. */
  async modal() {
    const user = state.me;
    const { modal } = await act('modal_open', { user_id: user, html: true });
    if (!modal || user !== state.me) return;
    openModal(modal, {
      submit: async (fields) => {
        const { interaction_id: id } = await act('modal_submit', { user_id: user, fields });
        act('outcome', { interaction_id: id }).then((outcome) => {
          if (!outcome.answered) say('The app did not respond to the form.');
          return outcome.kind === 'modal' ? app.modal() : undefined;
        }).catch(report);
      },
      dismissed: () => act('modal_close', { user_id: user }).catch(report),
    });
  },

  /** Looks at everything as somebody else. */
  async become(id) {
    state.me = id;
    // By name: ids are others after every start.
    memory.set('shanty.person', person(id)?.username ?? '');
    closeModal();
    const [open, below] = app.open();
    main.id = thread.id = undefined;
    for (const pane of panes) pane.composer.forget();
    await load();
    await side.begin();
    setPlace(channel(open) ? open : state.home, below);
    await follow();
    main.composer.focus();
  },
};

const say = (text) => main.composer.say(text, true);
const report = (error) => say(error.message);
const main = new Pane('main', say);
const thread = new Pane('thread', (text) => thread.composer.say(text, true));
const panes = [main, thread];
const side = new Side(app);
for (const pane of panes) {
  pane.composer = new Composer($(`${pane.prefix}-form`), pane, app);
  pane.read = () => side.draw();
  wire(pane, app);
}

/** What the address says is open. */
function placed() {
  const [, open, below] = /^#\/(\d+)(?:\/(\d+))?$/.exec(location.hash) ?? [];
  return [channel(open) ? open : state.home, below];
}

function setPlace(open, below) {
  const hash = `#/${open}${below ? `/${below}` : ''}`;
  if (location.hash !== hash) history.pushState(null, '', hash);
}

/** Shows what the address says. */
async function follow() {
  const [open, below] = placed();
  const shownBelow = below && below !== open ? below : undefined;
  $('thread').hidden = !shownBelow;
  $('frame').classList.toggle('with-thread', Boolean(shownBelow));
  const showing = Promise.all([main.show(open), thread.show(shownBelow)]);
  for (const pane of panes) { pane.composer.move(pane.id); pane.composer.name(); }
  side.draw();
  await showing;
  for (const pane of panes) { pane.composer.name(); pane.seen(); }
}

async function load() {
  const data = await act('client', { user_id: state.me });
  state.data = data;
  $('guild-name').textContent = data.guild.name;
  for (const entry of [...data.channels, ...data.threads]) if (entry.last_message_id) state.last.set(entry.id, entry.last_message_id);
  side.person();
  side.bot(data.bot_online);
  side.draw();
  for (const pane of panes) { pane.head(); pane.composer.name(); if (pane.version) pane.refresh(); }
}

let counting;
const uncounted = new Set();

function news(said) {
  state.start ??= said.start;
  if (said.guild_id !== state.guild || said.start !== state.start) {
    // The sandbox was started anew: nothing of what is shown exists any more, and the page itself may be another.
    history.replaceState(null, '', location.pathname);
    location.reload();
    return;
  }
  banner('');
  for (const pane of panes) {
    if (!pane.isBehind(said.channels[pane.id] ?? 0)) continue;
    pane.composer.typed(said.typing_ms[pane.id] ?? 0);
    pane.refresh();
  }
  for (const [id, last] of Object.entries(said.last_message_ids)) {
    if (!last || (state.last.has(id) && byId(state.last.get(id), last) >= 0)) continue;
    state.last.set(id, last);
    if (!app.open().includes(id) || document.hidden) uncounted.add(id);
  }
  if (said.structure_version > state.data.structure_version) load().catch(report);
  else if (said.bot_online !== state.data.bot_online) { state.data.bot_online = said.bot_online; side.bot(said.bot_online); }
  if (uncounted.size && !counting) counting = setTimeout(count, COUNT_MS);
}

function count() {
  counting = undefined;
  const ids = [...uncounted];
  uncounted.clear();
  side.count(ids).catch(report);
}

function banner(text) {
  $('banner').textContent = text;
  $('banner').hidden = !text;
}

function drawer(open) {
  document.body.classList.toggle('drawer', open);
  $('shade').hidden = !open;
  $('menu').setAttribute('aria-expanded', String(open));
  if (open) $('channels').querySelector('[aria-current]')?.focus();
}

function closeThread() {
  setPlace(main.id);
  follow().then(() => main.composer.focus()).catch(report);
}

/** Typing anywhere goes to the message box of the column that is in use. */
function typed(event) {
  const idle = document.activeElement === document.body || document.activeElement?.closest('.log');
  if (!idle || event.key.length !== 1 || event.ctrlKey || event.altKey || event.metaKey || event.key === ' ') return;
  if (document.querySelector('dialog[open]') || popupOpen()) return;
  const pane = document.activeElement.closest('#thread') && thread.id ? thread : main;
  pane.composer.focus();
}

function keyed(event) {
  typed(event);
  if (event.ctrlKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    if (!document.querySelector('dialog[open]')) side.find();
  } else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
    event.preventDefault();
    const id = side.neighbour(event.key === 'ArrowUp' ? -1 : 1);
    if (id) app.go(id).catch(report);
  } else if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]')) {
    if (popupOpen()) closePopup();
    else if (document.body.classList.contains('drawer')) drawer(false);
    else if (thread.id) closeThread();
  }
}

async function start() {
  const defaults = await act('defaults');
  state.guild = defaults.guild_id;
  state.home = defaults.channel_id;
  state.me = defaults.user_id;
  reading.open(state.guild);
  await load();
  const before = state.data.people.find((p) => !p.bot && p.username === memory.get('shanty.person'));
  if (before && before.id !== state.me) {
    state.me = before.id;
    await load();
  }
  await side.begin();
  const [open, below] = placed();
  setPlace(open, below);
  await follow();
  main.composer.focus();
  listen({
    news,
    away() {
      banner('Reconnecting…');
      side.bot(false);
      $('bot-state').textContent = 'The sandbox is away';
    },
    moved() { banner('The sandbox was started again, and has another address now: open the one that it printed.'); },
  });
}

addEventListener('popstate', () => follow().catch(report));
document.addEventListener('keydown', keyed);
$('thread-close').addEventListener('click', closeThread);
$('thread-back').addEventListener('click', closeThread);
$('menu').addEventListener('click', () => drawer(!document.body.classList.contains('drawer')));
$('shade').addEventListener('click', () => drawer(false));
start().catch((error) => banner(error.message));
