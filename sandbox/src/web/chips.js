// A command being filled in: its name, a chip with a field for every option, and what may come next.

import { el } from './dom.js';
import { Refused, act } from './net.js';
import { offered, options, read, wants } from './command.js';
import { readFile } from './files.js';

const ASK_MS = 120;
/** Bytes of a file that fit into an action's body. */
const FILE_BYTES = 10 * 1024 * 1024;

export class Chips {
  /** `composer` owns the list above, the line of hints and the place. */
  constructor(composer, root) {
    this.composer = composer;
    this.root = root;
    this.fields = [];
  }

  get active() { return this.entry !== undefined; }

  /** Starts a command, with values that are known already. */
  begin(entry, values = []) {
    this.entry = entry;
    this.fields = [];
    this.moreText = undefined;
    this.rest = el('input', {
      type: 'text', class: 'rest', spellcheck: 'false', 'aria-label': `Another option of /${entry.name}`,
      on: { input: () => this.typedRest(), focus: () => this.focusRest(), keydown: (event) => this.key(event), blur: () => this.left() },
    });
    this.root.hidden = false;
    this.root.setAttribute('aria-label', `Command /${entry.name}`);
    this.root.replaceChildren(el('span', { class: 'command-name' }, `/${entry.name}`), this.rest);
    for (const option of entry.options.filter((o) => o.required)) this.add(option);
    for (const { option, text, picked } of values) this.set(this.field(option) ?? this.add(option), text, picked);
    this.count();
    const next = this.firstMissing() ?? (values.length ? this.fields.at(-1) : undefined);
    this.focus(next);
  }

  end() {
    this.entry = undefined;
    this.fields = [];
    this.root.hidden = true;
    this.root.replaceChildren();
    clearTimeout(this.timer);
    this.token = undefined;
  }

  field(option) { return this.fields.find((field) => field.option === option); }

  add(option) {
    const field = { option, text: '' };
    const id = `${this.composer.form.id}-${option.name}`;
    if (option.type === 11) {
      field.input = el('input', { type: 'file', id, 'data-option': option.name, on: { change: () => this.file(field, field.input.files[0]) } });
    } else {
      field.input = el('input', { type: 'text', id, spellcheck: 'false', autocapitalize: 'off', 'data-option': option.name, 'aria-label': `${option.name}: ${option.description}` });
      field.input.addEventListener('input', () => this.typed(field));
    }
    field.input.addEventListener('focus', () => this.focused(field));
    field.input.addEventListener('blur', () => this.left(field));
    field.input.addEventListener('keydown', (event) => this.key(event, field));
    field.node = el('span', { class: `chip ${option.required ? '' : 'optional'}` }, el('label', { for: id }, option.name), field.input);
    this.fields.push(field);
    this.rest.before(field.node);
    this.count();
    return field;
  }

  remove(field) {
    const at = this.fields.indexOf(field);
    this.fields.splice(at, 1);
    field.node.remove();
    this.count();
    this.focus(this.fields[at - 1]);
  }

  set(field, text, picked) {
    field.text = text;
    field.picked = picked;
    field.node.classList.remove('bad');
    if (field.input.type !== 'file') field.input.value = text;
    this.fit(field);
  }

  /** As wide as what it holds. */
  fit(field) {
    if (field.input.type !== 'file') field.input.size = Math.max(3, Math.min(60, [...field.input.value].length + 1));
  }

  count() {
    const left = this.left_over().length;
    this.rest.placeholder = left ? `+${left} optional` : '';
    this.rest.classList.toggle('none', !left);
  }

  left_over() { return this.entry.options.filter((option) => !this.field(option)); }

  firstMissing(after) {
    const missing = this.fields.filter((field) => field.option.required && read(field.option, field).fault === 'This is needed.');
    return missing.find((field) => this.fields.indexOf(field) > this.fields.indexOf(after)) ?? missing[0]
      ?? this.fields.find((field) => field.option.type === 11 && field.option.required && !field.file);
  }

  focus(field) {
    const input = field?.input ?? this.rest;
    input.focus();
    if (input.type !== 'file') input.setSelectionRange(input.value.length, input.value.length);
  }

  focused(field) {
    this.at = field;
    for (const known of this.fields) known.node.classList.toggle('active', known === field);
    this.composer.list.tie(field.input);
    this.about(field);
    this.suggest(field, false);
  }

  focusRest() {
    this.at = undefined;
    for (const known of this.fields) known.node.classList.remove('active');
    this.composer.list.tie(this.rest);
    this.composer.about(`/${this.entry.name}`, this.entry.description);
    this.typedRest(true);
  }

  left(field) {
    if (!this.active) return;
    if (field?.text.trim()) this.check(field);
    clearTimeout(this.timer);
    this.token = undefined;
    this.composer.list.hide();
  }

  about(field) {
    const fault = field.node.classList.contains('bad') ? read(field.option, field).fault : undefined;
    this.composer.about(field.option.name, fault ?? [field.option.description, wants(field.option)].filter(Boolean).join(' · '), Boolean(fault));
  }

  check(field) {
    const { fault } = read(field.option, field);
    field.node.classList.toggle('bad', Boolean(fault));
    field.input.setAttribute('aria-invalid', String(Boolean(fault)));
    return fault;
  }

  typed(field) {
    // `name:` of another option, as in a line of text, goes on to that option.
    const named = /(?:^|\s)([\p{L}\p{N}_'-]+):\s*$/u.exec(field.input.value);
    const option = named && this.entry.options.find((o) => o.name === named[1]);
    if (option && (option === field.option ? field.input.value.trim() === named[0].trim() : !this.field(option)?.text)) {
      this.set(field, field.input.value.slice(0, named.index).trimEnd());
      this.focus(this.field(option) ?? this.add(option));
      return;
    }
    field.text = field.input.value;
    field.picked = undefined;
    field.node.classList.remove('bad');
    this.fit(field);
    this.about(field);
    this.suggest(field, true);
  }

  /** Shows what may be chosen: at once what is known, after a moment what the app says. */
  suggest(field, typing) {
    clearTimeout(this.timer);
    this.token = undefined;
    if (field.picked !== undefined && !typing) { this.composer.list.hide(); return; }
    const rows = offered(field.option, field.picked === undefined ? field.text : '');
    if (rows) { this.composer.list.show(rows); return; }
    // The rows on show are for what stood there before: Tab and Enter must not take one of them.
    this.composer.list.outdate();
    this.timer = setTimeout(() => this.ask(field), typing ? ASK_MS : 0);
  }

  async ask(field) {
    const token = (this.token = {});
    const others = this.fields.filter((known) => known !== field && known.text.trim())
      .map((known) => ({ name: known.option.name, value: read(known.option, known).value ?? known.text }));
    const asked = { name: field.option.name, value: field.text, focused: true };
    try {
      const { choices, answered } = await act('autocomplete', {
        ...this.composer.place(), name: this.entry.command.name, options: options(this.entry, [...others, asked]),
      });
      if (this.token !== token) return;
      if (!answered) { this.composer.say('The app has not told its options.', true); return; }
      // Nothing is taken by Tab or Enter alone before something was typed.
      this.composer.list.show(choices.map((c) => ({
        value: c.value, label: c.name, detail: String(c.value) === c.name ? undefined : String(c.value),
        // Such a row tells what is wrong with what stands there; taking it would put that into the field.
        disabled: c.name.startsWith('✗'),
      })), field.text.trim() ? 0 : -1);
    } catch (error) {
      if (this.token === token) this.composer.say(error.message, true);
    }
  }

  typedRest(quiet = false) {
    const text = this.rest.value.trim();
    const named = this.left_over().find((option) => `${option.name}:` === text);
    if (named) { this.rest.value = ''; this.focus(this.add(named)); return; }
    const fits = this.left_over().filter((option) => option.name.startsWith(text));
    // Enter runs the command as long as no row was gone to.
    this.composer.list.show(fits.map((option) => ({ value: option.name, label: option.name, detail: option.description, option })), quiet || !text ? -1 : 0);
  }

  /** A row of the list was taken. */
  take(item) {
    if (item.option) {
      this.rest.value = '';
      this.focus(this.add(item.option));
      return;
    }
    const field = this.at;
    if (!field) return;
    this.set(field, item.label, item.value);
    this.composer.list.hide();
    const next = this.firstMissing(field);
    if (next) this.focus(next);
  }

  key(event, field) {
    const { list } = this.composer;
    if (event.isComposing || list.key(event)) return;
    const input = event.target;
    const text = input.type !== 'file';
    const at = field ? this.fields.indexOf(field) : this.fields.length;
    const go = (to) => { event.preventDefault(); this.focus(this.fields[to]); };
    if (event.key === 'Enter') {
      event.preventDefault();
      this.enter(field);
    } else if (event.key === 'Tab' && !event.shiftKey) {
      if (list.active) { event.preventDefault(); this.take(list.active); }
      else if (field) go(at + 1);
    } else if (event.key === 'Tab' && at > 0) go(at - 1);
    else if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      if (list.open) list.hide();
      else this.composer.leaveCommand('');
    } else if (event.key === 'Backspace' && (!text || !input.value)) {
      event.preventDefault();
      if (field && !field.option.required) this.remove(field);
      else if (at > 0) this.focus(this.fields[at - 1]);
      else this.composer.leaveCommand(`/${this.entry.name}`);
    } else if (event.key === 'ArrowLeft' && text && input.selectionEnd === 0 && at > 0) go(at - 1);
    else if (event.key === 'ArrowRight' && text && input.selectionStart === input.value.length && field) go(at + 1);
  }

  enter(field) {
    const { list } = this.composer;
    if (list.active) { this.take(list.active); return; }
    if (field && field.text.trim() && this.check(field)) { this.about(field); return; }
    const missing = this.firstMissing(field);
    if (missing) {
      if (missing === field) { this.check(field); this.about(field); }
      this.focus(missing);
      return;
    }
    this.composer.send();
  }

  async file(field, file) {
    if (!file) return;
    if (file.size > FILE_BYTES) { this.composer.say(`${file.name} is larger than 10 MiB.`, true); return; }
    field.file = await readFile(file);
    field.text = file.name;
    const next = this.firstMissing(field);
    this.focus(next);
  }

  /** A file was dropped on the composer: for the first option that wants one. */
  dropped(file) {
    const wanting = this.fields.find((f) => f.option.type === 11 && !f.file);
    const option = this.left_over().find((o) => o.type === 11);
    const field = wanting ?? (option && this.add(option));
    if (!field) return false;
    const list = new DataTransfer();
    list.items.add(file);
    field.input.files = list.files;
    this.file(field, file);
    return true;
  }

  /** What is sent; throws when something is missing or wrong, with the focus where it is. */
  body() {
    const given = [];
    for (const field of this.fields) {
      const { value, fault } = read(field.option, field);
      if (fault && !field.option.required && !field.text.trim() && !field.file) continue;
      if (fault) {
        this.check(field);
        this.focus(field);
        throw new Refused(`${field.option.name}: ${fault}`, null, 0);
      }
      given.push({ name: field.option.name, value });
    }
    return { name: this.entry.command.name, options: options(this.entry, given) };
  }

  /** The command as it can be recalled. */
  remember() {
    const { entry } = this;
    return { entry, values: this.fields.filter((f) => f.text.trim() && !f.file).map((f) => ({ option: f.option, text: f.text, picked: f.picked })) };
  }
}

