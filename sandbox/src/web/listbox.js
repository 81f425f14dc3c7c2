// Lists to choose from by keyboard, mouse or touch: the rows themselves, and popups that hold them.
//
// Focus stays in an input; the list tells it by aria-activedescendant which row is meant.

import { el, avatar, colour } from './dom.js';
import { signed } from './signs.js';

let made = 0;
const SHORT = 7;

/** Rows of `{value, label, note, detail?, icon?, color?, chosen?}` in `root`; `pick` gets the one that was taken. */
export class Listbox {
  constructor(root, pick, { many = false, label = 'Options' } = {}) {
    this.root = root;
    this.pick = pick;
    this.items = [];
    this.at = -1;
    root.setAttribute('role', 'listbox');
    root.setAttribute('aria-label', label);
    if (many) root.setAttribute('aria-multiselectable', 'true');
    if (!root.id) root.id = `list-${++made}`;
    // Before the input loses focus, which would close the list.
    root.addEventListener('mousedown', (event) => event.preventDefault());
    root.addEventListener('click', (event) => {
      const row = event.target.closest('[role=option]');
      const item = row && this.items[[...this.root.querySelectorAll('[role=option]')].indexOf(row)];
      if (item && !item.disabled) this.pick(item);
    });
  }

  /** Ties the list to the input that has the focus. */
  tie(input) {
    this.input = input;
    input.setAttribute('role', 'combobox');
    input.setAttribute('aria-autocomplete', 'list');
    input.setAttribute('aria-controls', this.root.id);
    this.tell();
  }

  /** Shows rows; `at` is the one that Enter would take, -1 for none. */
  show(items, at = 0) {
    this.items = items;
    this.at = at < 0 ? -1 : items.findIndex((item, index) => index >= Math.min(at, items.length - 1) && !item.disabled);
    this.root.hidden = !items.length;
    this.root.classList.remove('outdated');
    this.root.replaceChildren(...items.map((item, index) => this.row(item, index)));
    this.tell();
  }

  row(item, index) {
    const swatch = item.icon ? avatar(item.icon, 'small')
      : item.color !== undefined ? el('span', { class: 'dot', vars: { '--c': item.color ? colour(item.color) : 'var(--soft)' } }) : undefined;
    return el('div', {
      role: 'option', id: `${this.root.id}-${index}`, 'aria-selected': String(index === this.at), 'data-value': item.value,
      'aria-disabled': item.disabled && 'true', 'aria-checked': item.chosen === undefined ? undefined : String(item.chosen),
      class: item.chosen ? 'chosen' : undefined,
    }, swatch, el('span', { class: 'what' }, el('b', {}, signed(item.label)), item.detail ? el('small', {}, signed(item.detail)) : undefined),
    item.note ? el('span', { class: 'side-note' }, item.note) : undefined);
  }

  hide() { this.show([]); }

  /** The rows stay in sight until others come, and none of them can be taken. */
  outdate() {
    this.items = this.items.map((item) => ({ ...item, disabled: true }));
    this.at = -1;
    this.root.classList.add('outdated');
    this.tell();
  }

  get open() { return this.items.length > 0; }

  get active() {
    const item = this.items[this.at];
    return item?.disabled ? undefined : item;
  }

  move(to) {
    const count = this.items.length;
    if (this.items.every((item) => item.disabled)) return;
    const step = to < this.at ? -1 : 1;
    this.at = (to + count) % count;
    while (this.items[this.at].disabled) this.at = (this.at + step + count) % count;
    this.tell();
    this.root.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }

  tell() {
    this.root.querySelectorAll('[role=option]').forEach((row, index) => row.setAttribute('aria-selected', String(index === this.at)));
    if (!this.input) return;
    this.input.setAttribute('aria-expanded', String(this.open));
    if (this.at >= 0 && this.open) this.input.setAttribute('aria-activedescendant', `${this.root.id}-${this.at}`);
    else this.input.removeAttribute('aria-activedescendant');
  }

  /** Moves through the rows; true when the key was for the list. Home and End are for the text until a row is meant. */
  key(event) {
    if (!this.open || event.isComposing || this.root.classList.contains('outdated')) return false;
    const page = 8;
    const to = {
      ArrowDown: this.at + 1, ArrowUp: this.at < 0 ? this.items.length - 1 : this.at - 1,
      PageDown: Math.min(this.at + page, this.items.length - 1), PageUp: Math.max(this.at - page, 0),
      Home: event.target.value ? undefined : 0, End: event.target.value ? undefined : this.items.length - 1,
    }[event.key];
    if (to === undefined) return false;
    event.preventDefault();
    this.move(to);
    return true;
  }
}

let opened;

/** Closes the popup that stands open. */
export function closePopup() { opened?.close(); }

/** Whether a popup stands open. */
export const popupOpen = () => Boolean(opened);

/** Opens a box at an element; gives a function that closes it. `closed` is called once, however that happens; `back`
 * brings the focus back after Escape. */
export function popup(anchor, content, { closed, back = () => anchor.focus?.(), wide = false, className = '' } = {}) {
  closePopup();
  const box = el('div', { class: `popup ${className}` }, content);
  // A dialog is above everything else of the page, so what it opens has to be in it.
  (anchor.closest('dialog') ?? document.body).append(box);
  anchor.setAttribute('aria-expanded', 'true');
  const settle = () => {
    const live = anchor.isConnected ? anchor : document.querySelector(selectorOf(anchor));
    if (!live) return close();
    const rect = live.getBoundingClientRect();
    const width = Math.min(Math.max(wide ? 360 : 220, rect.width), innerWidth - 16);
    const below = innerHeight - rect.bottom - 12;
    const above = rect.top - 12;
    const up = below < Math.min(box.scrollHeight, 320) && above > below;
    box.style.width = `${width}px`;
    box.style.left = `${Math.max(8, Math.min(rect.left, innerWidth - width - 8))}px`;
    box.style.maxHeight = `${Math.max(120, Math.min(380, up ? above : below))}px`;
    box.style.top = up ? 'auto' : `${rect.bottom + 4}px`;
    box.style.bottom = up ? `${innerHeight - rect.top + 4}px` : 'auto';
  };
  const outside = (event) => { if (!box.contains(event.target) && !anchor.contains(event.target)) close(); };
  const escape = (event) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    event.stopPropagation();
    close();
    back();
  };
  function close() {
    if (opened?.box !== box) return;
    opened = undefined;
    box.remove();
    anchor.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', outside, true);
    removeEventListener('resize', settle);
    closed?.();
  }
  opened = { box, close, settle };
  box.addEventListener('keydown', escape);
  document.addEventListener('pointerdown', outside, true);
  addEventListener('resize', settle);
  settle();
  return close;
}

function selectorOf(node) {
  const id = node.dataset?.customId;
  return id ? `[data-custom-id="${CSS.escape(id)}"]` : '#none';
}

/** Lets a person choose from rows, with a search; `done` gets the chosen rows. */
export function choose(anchor, { rows, min = 1, max = 1, chosen = [], label = 'Choose', done, cancelled }) {
  const many = max > 1;
  const picked = new Map(rows.filter((row) => chosen.includes(row.value)).map((row) => [row.value, row]));
  const before = [...picked.keys()].sort().join();
  const list = el('div', { class: 'list' });
  // A few rows need no search to be seen; typing finds them all the same.
  const short = rows.length <= SHORT;
  const input = el('input', { type: 'text', class: `search ${short ? 'quiet' : ''}`, inputmode: short ? 'none' : undefined, placeholder: 'Search', 'aria-label': `${label}: search`, spellcheck: 'false' });
  const hint = el('p', { class: 'hint', role: 'status' });
  const finish = el('button', { type: 'button', class: 'act s1' }, 'Done');
  const fits = (row) => `${row.label} ${row.detail ?? ''} ${row.note ?? ''}`.toLowerCase().includes(input.value.trim().toLowerCase());
  const draw = (at = 0) => {
    box.show(rows.filter(fits).slice(0, 100).map((row) => ({ ...row, chosen: many ? picked.has(row.value) : row.value === chosen[0] })), at);
    if (many) hint.textContent = `${picked.size} of ${max} chosen${picked.size < min ? `, at least ${min}` : ''}`;
    finish.disabled = picked.size < min;
  };
  const take = (row) => {
    // Taking what is chosen already takes it back, where nothing need be chosen.
    if (!many) { close(min === 0 && row.value === chosen[0] ? undefined : row); return; }
    if (picked.has(row.value)) picked.delete(row.value);
    else if (picked.size < max) picked.set(row.value, row);
    draw(box.at);
  };
  const box = new Listbox(list, take, { many, label });
  box.tie(input);
  let result;
  const shut = popup(anchor, [input, list, many ? el('div', { class: 'foot' }, hint, finish) : undefined], {
    wide: true,
    className: 'chooser',
    closed() {
      // A list of several is over when it is left, as long as what is chosen is enough.
      if (many && picked.size >= min && [...picked.keys()].sort().join() !== before) result ??= [...picked.values()];
      if (result) done(result);
      else cancelled?.();
    },
  });
  function close(row) {
    result = row ? [row] : many ? [...picked.values()] : [];
    shut();
    anchor.focus?.();
  }
  finish.addEventListener('click', () => close());
  input.addEventListener('input', () => draw());
  input.addEventListener('keydown', (event) => {
    if (box.key(event)) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      if (event.ctrlKey && many && picked.size >= min) close();
      else if (box.active) take(box.active);
    }
  });
  const first = rows.findIndex((row) => chosen.includes(row.value));
  draw(Math.max(first, 0));
  // Only now it is known how high the list is, and so on which side of the control there is room for it.
  opened.settle();
  list.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  if (!rows.length) list.replaceChildren(el('p', { class: 'empty' }, 'Nothing to choose from'));
  if (!rows.length) list.hidden = false;
  input.focus({ preventScroll: true });
  return shut;
}
