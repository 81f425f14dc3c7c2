// The line below a column: messages, commands with their options, files.

import { called, el, size } from './dom.js';
import { act } from './net.js';
import { Chips } from './chips.js';
import { follow } from './actions.js';
import { Listbox } from './listbox.js';
import { matching, parse, runnable } from './command.js';
import { readFile } from './files.js';
import { bot, channel, entities, mark, state, title, uses } from './state.js';

const HISTORY_MAX = 50;
const FILES_MAX = 10;
const FILE_BYTES = 10 * 1024 * 1024;

export class Composer {
  constructor(form, pane, app) {
    this.form = form;
    this.pane = pane;
    this.app = app;
    this.history = [];
    this.files = [];
    this.drafts = new Map();
    this.build(form.dataset.input);
    this.list = new Listbox(this.rows, (item) => this.take(item), { label: 'Suggestions' });
    this.list.tie(this.input);
    this.list.hide();
    this.chips = new Chips(this, this.command);
    this.input.addEventListener('input', () => this.changed());
    this.input.addEventListener('keydown', (event) => this.key(event));
    this.input.addEventListener('blur', () => this.list.input === this.input && this.list.hide());
    this.input.addEventListener('focus', () => this.list.tie(this.input));
    this.input.addEventListener('paste', (event) => this.addFiles(event.clipboardData?.files ?? []) && event.preventDefault());
    form.addEventListener('submit', (event) => { event.preventDefault(); this.send(); });
    this.drops(pane.root);
  }

  build(id) {
    this.rows = el('div', { class: 'list suggestions', id: `${id}-list`, hidden: true });
    this.line = el('p', { class: 'about', hidden: true });
    this.input = el('textarea', { id, rows: '1', spellcheck: 'true', placeholder: ' ', 'aria-label': 'Message or command', 'aria-describedby': `${id}-hint` });
    this.ghost = el('span', { class: 'ghost', 'aria-hidden': 'true' });
    this.command = el('div', { class: 'command', role: 'group', hidden: true });
    this.reply = el('div', { class: 'answering', hidden: true });
    this.picked = el('ul', { class: 'picked', hidden: true });
    this.typing = el('p', { class: 'typing', hidden: true });
    this.hint = el('p', { class: 'hint', role: 'status', id: `${id}-hint` });
    const chooser = el('input', { type: 'file', multiple: true, hidden: true, on: { change: () => { this.addFiles(chooser.files); chooser.value = ''; } } });
    this.attach = el('button', { type: 'button', class: 'icon attach', 'aria-label': 'Add files', title: 'Add files', on: { click: () => chooser.click() } }, '+');
    const send = el('button', { type: 'submit', class: 'icon send', 'aria-label': 'Send', title: 'Send (Enter)' }, '➤');
    this.form.append(this.rows, this.line, this.reply, this.picked, el('div', { class: 'box' }, this.attach, el('div', { class: 'writing' }, this.input, this.ghost), this.command, send), chooser, this.hint, this.typing);
  }

  focus() {
    if (this.chips.active) this.chips.focus(this.chips.at);
    else this.input.focus({ preventScroll: true });
  }

  get commands() { return runnable(this.pane.commands()); }

  place() {
    const known = channel(this.pane.id);
    return { guild_id: known?.guild_id, channel_id: this.pane.id, user_id: state.me };
  }

  /** Fits the words around the line to the channel that is shown. */
  name() {
    const known = channel(this.pane.id) ?? this.pane.channel;
    const where = known ? `${known.thread_metadata ? '' : mark(known)}${title(known)}` : '…';
    this.ghost.textContent = `Message ${where}${innerWidth > 760 ? ', or / for commands' : ''}`;
    this.input.setAttribute('aria-label', `Message ${where}, or / for commands`);
  }

  /** Goes to another channel: each keeps what was begun there. */
  move(id) {
    if (id === this.home) return;
    if (this.home) this.drafts.set(this.home, { ...(this.chips.active ? this.chips.remember() : { text: this.input.value }), files: this.files });
    this.home = id;
    const draft = this.drafts.get(id);
    if (this.chips.active) this.leaveCommand('');
    this.list.hide();
    this.answer();
    this.say('');
    this.input.value = draft?.text ?? '';
    this.files = draft?.files ?? [];
    this.drawFiles();
    this.grow();
    if (draft?.entry) this.begin(draft.entry, draft.values);
  }

  /** Forgets what was begun, everywhere: somebody else looks at the page. */
  forget() {
    this.move(undefined);
    this.drafts.clear();
  }

  say(text, bad = false) {
    this.hint.textContent = text;
    this.hint.classList.toggle('bad', bad);
  }

  /** Shows that the app is typing, for so long. */
  typed(ms) {
    clearTimeout(this.typingTimer);
    this.typing.hidden = !ms;
    if (!ms) return;
    this.typing.replaceChildren(el('span', { class: 'dots', 'aria-hidden': 'true' }, el('i'), el('i'), el('i')), `${called(bot())} is typing…`);
    this.typingTimer = setTimeout(() => this.typed(0), ms);
  }

  about(name, text, bad = false) {
    this.line.hidden = false;
    this.line.classList.toggle('bad', bad);
    this.line.replaceChildren(el('b', {}, name), ' ', text ?? '');
  }

  grow() {
    this.input.style.height = 'auto';
    this.input.style.height = `${this.input.scrollHeight}px`;
  }

  changed() {
    this.grow();
    this.say('');
    const text = this.input.value;
    if (text.startsWith('/') && !text.includes('\n')) {
      const read = parse(text, this.commands);
      // A name with a space behind it is a choice, unless longer names begin with it.
      if (read && text.length > read.entry.name.length + 1) { this.begin(read.entry, read.values, read.before); return; }
      const fits = matching(this.commands, text.slice(1));
      this.list.show(fits.slice(0, 25).map((entry) => ({ value: entry.name, label: `/${entry.name}`, detail: entry.description, note: called(bot()), entry })));
      this.line.hidden = true;
      if (!fits.length) this.say(text.length > 1 ? `There is no command ${text}` : 'The app has no commands yet.');
      return;
    }
    this.mentions(text);
  }

  /** People, roles and channels after `@` and `#`. */
  mentions(text) {
    const before = text.slice(0, this.input.selectionStart);
    const [, sign, typed] = /(?:^|\s)([@#])([\p{L}\p{N}_.-]*)$/u.exec(before) ?? [];
    if (!sign) { this.list.hide(); return; }
    const wrap = (row) => (sign === '#' ? `<#${row.value}>` : row.color === undefined ? `<@${row.value}>` : `<@&${row.value}>`);
    const rows = entities(sign === '#' ? 8 : 7).filter((row) => row.label.toLowerCase().includes(typed.toLowerCase()));
    const from = before.length - typed.length - 1;
    this.list.show(rows.slice(0, 10).map((row) => ({ ...row, from, text: `${wrap(row)} ` })));
  }

  take(item) {
    if (this.chips.active) { this.chips.take(item); return; }
    if (item.entry) { this.begin(item.entry); return; }
    this.insert(item.text, item.from, this.input.selectionStart);
    this.list.hide();
  }

  /** The next message replies to this one; without one it replies to none. */
  answer(m) {
    this.replyTo = m?.id;
    this.reply.hidden = !m;
    if (!m) return;
    this.reply.replaceChildren(el('span', {}, 'Replying to ', el('b', {}, called(m.author))),
      el('button', { type: 'button', class: 'icon', 'aria-label': 'Do not reply', on: { click: () => this.answer() } }, '✕'));
    this.input.focus();
  }

  insert(text, from = this.input.selectionStart, to = this.input.selectionEnd) {
    this.input.setRangeText(text, from, to, 'end');
    this.input.focus();
    this.grow();
  }

  begin(entry, values = [], before = '') {
    this.list.hide();
    this.input.hidden = true;
    this.attach.hidden = true;
    this.form.classList.add('commanding');
    const first = entry.options.find((option) => option.required) ?? entry.options[0];
    const given = before && first && !values.some((known) => known.option === first) ? [{ option: first, text: before }, ...values] : values;
    this.chips.begin(entry, given);
  }

  /** Back to plain text. */
  leaveCommand(text) {
    this.chips.end();
    this.form.classList.remove('commanding');
    this.input.hidden = false;
    this.attach.hidden = false;
    this.line.hidden = true;
    this.list.hide();
    this.list.tie(this.input);
    this.input.value = text;
    this.input.focus();
    if (text) this.changed();
    else this.grow();
    this.say('');
  }

  key(event) {
    if (event.isComposing || this.list.key(event)) return;
    if (event.key === 'Escape' && this.replyTo && !this.list.open) { event.preventDefault(); event.stopPropagation(); this.answer(); return; }
    if (event.key === 'Escape' && this.list.open) { event.preventDefault(); event.stopPropagation(); this.list.hide(); return; }
    if ((event.key === 'Tab' || (event.key === 'Enter' && !event.shiftKey)) && this.list.active) {
      event.preventDefault();
      this.take(this.list.active);
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.send();
    } else if (event.key === 'ArrowUp' && !this.input.value && this.history.length) {
      event.preventDefault();
      this.recall(this.history.at(-1));
    }
  }

  recall(past) {
    if (past.entry) { this.begin(past.entry, past.values); return; }
    this.input.value = past.text;
    this.grow();
  }

  async send() {
    if (!this.pane.id || this.sending) return;
    if (this.chips.active) { await this.run(); return; }
    const text = this.input.value.trim();
    if (!text && !this.files.length) return;
    if (text.startsWith('/')) {
      const read = parse(text, this.commands);
      if (read) this.begin(read.entry, read.values, read.before);
      else this.say(`There is no command ${text.split(/\s/)[0]}`, true);
      return;
    }
    await this.sent(async () => {
      const attachments = this.files.length ? { attachments: await Promise.all(this.files.map(readFile)) } : {};
      await act('message', { ...this.place(), content: text, reply_to: this.replyTo, ...attachments });
      this.answer();
      this.input.value = '';
      this.files = [];
      this.drawFiles();
      this.grow();
      return { text };
    });
  }

  async run() {
    await this.sent(async () => {
      const body = this.chips.body();
      const past = this.chips.remember();
      const { interaction_id: id } = await act('slash', { ...this.place(), ...body });
      uses.add(past.entry.name);
      this.leaveCommand('');
      // What the app answers shows by itself; only a modal has to be opened.
      follow(id, this.app).catch((error) => this.say(error.message, true));
      return past;
    });
  }

  async sent(send) {
    this.sending = true;
    this.form.setAttribute('aria-busy', 'true');
    try {
      const past = await send();
      this.history.push(past);
      if (this.history.length > HISTORY_MAX) this.history.shift();
      this.pane.newFrom = undefined;
      this.pane.toPresent();
      this.say('');
    } catch (error) {
      this.say(error.field ? `${error.field.replace(/^options\.(\d+\.)?/, '')}: ${error.message}` : error.message, true);
    } finally {
      this.sending = false;
      this.form.removeAttribute('aria-busy');
    }
  }

  /** Puts files beside the message, or into the option that wants one; true when there were any. */
  addFiles(list) {
    const files = [...list];
    if (!files.length) return false;
    if (this.chips.active) {
      if (!this.chips.dropped(files[0])) this.say('This command takes no file.', true);
      return true;
    }
    for (const file of files) {
      if (file.size > FILE_BYTES) this.say(`${file.name} is larger than 10 MiB.`, true);
      else if (this.files.length < FILES_MAX) this.files.push(file);
    }
    this.drawFiles();
    this.input.focus();
    return true;
  }

  drawFiles() {
    this.picked.hidden = !this.files.length;
    this.picked.replaceChildren(...this.files.map((file, index) => el('li', {}, el('b', {}, file.name), el('span', {}, size(file.size)),
      el('button', {
        type: 'button', class: 'icon', 'aria-label': `Remove ${file.name}`,
        on: { click: () => { this.files.splice(index, 1); this.drawFiles(); } },
      }, '✕'))));
  }

  drops(root) {
    const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    root.addEventListener('dragover', (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      root.classList.add('dropping');
    });
    root.addEventListener('dragleave', (event) => { if (!root.contains(event.relatedTarget)) root.classList.remove('dropping'); });
    root.addEventListener('drop', (event) => {
      root.classList.remove('dropping');
      if (!carries(event)) return;
      event.preventDefault();
      this.addFiles(event.dataTransfer.files);
    });
  }
}
