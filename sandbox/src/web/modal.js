// Modals: a form that the app opens for one person.

import { $, el, size } from './dom.js';
import { rich } from './html.js';
import { choose } from './listbox.js';
import { readFile } from './files.js';
import { rowsOf } from './cards.js';
import { signed } from './signs.js';

const TEXT = 4;
const LABEL = 18;
const UPLOAD = 19;
const RADIO = 21;
const CHECKS = 22;
const CHECK = 23;
let made = 0;

/** Shows a modal; `submit` sends its fields and throws what was refused, `dismissed` is told when it is put away. */
export function openModal(shown, { submit, dismissed }) {
  const dialog = $('modal');
  const error = el('p', { class: 'hint bad', role: 'alert' });
  const fields = [];
  const parts = shown.components.map((part) => {
    if (part.type === 10) return rich(part.content_html, part.content);
    const input = part.type === LABEL ? part.component : part.components?.[0];
    if (!input) return undefined;
    const field = makeField(input, { label: part.label ?? input.label ?? input.custom_id, description: part.description });
    fields.push(field);
    return field.node;
  });
  let done = false;
  const away = () => { if (!done) { done = true; dismissed(); } };
  const send = el('button', { class: 'act s1', type: 'submit' }, 'Submit');
  const form = el('form', { novalidate: true, autocomplete: 'off', 'aria-labelledby': 'modal-title' },
    el('header', {}, el('h3', { id: 'modal-title' }, signed(shown.title)),
      el('button', { type: 'button', class: 'icon', 'aria-label': 'Close', on: { click: () => dialog.close() } }, '✕')),
    el('div', { class: 'fields' }, parts), error,
    el('footer', {}, el('button', { class: 'act s2', type: 'button', on: { click: () => dialog.close() } }, 'Cancel'), send));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const bad = fields.filter((field) => !field.check());
    if (bad.length) { bad[0].focus(); return; }
    send.disabled = true;
    send.setAttribute('aria-busy', 'true');
    error.textContent = '';
    try {
      const entries = await Promise.all(fields.map(async (field) => [field.id, await field.read()]));
      await submit(Object.fromEntries(entries.filter(([, value]) => value !== undefined)));
      done = true;
      dialog.close();
    } catch (refused) {
      const field = fields.find((known) => refused.field === `fields.${known.id}`);
      if (field) { field.fault(refused.message); field.focus(); } else error.textContent = refused.message;
    } finally {
      send.disabled = false;
      send.removeAttribute('aria-busy');
    }
  });
  dialog.replaceChildren(form);
  dialog.dataset.customId = shown.custom_id;
  dialog.setAttribute('aria-labelledby', 'modal-title');
  dialog.onclose = away;
  if (!dialog.open) dialog.showModal();
  fields[0]?.focus();
}

/** Closes it without a word, as when somebody else looks at the page. */
export function closeModal() {
  const dialog = $('modal');
  dialog.onclose = null;
  if (dialog.open) dialog.close();
}

function makeField(input, { label, description }) {
  const id = `field-${++made}`;
  const required = input.required ?? true;
  const fault = el('p', { class: 'fault', id: `${id}-fault`, role: 'alert' });
  const control = { [TEXT]: text, [UPLOAD]: upload, [RADIO]: group, [CHECKS]: group, [CHECK]: check }[input.type]?.(input, id) ?? select(input, id, label);
  const single = control.labelled !== false;
  const name = el(single ? 'label' : 'span', { class: 'field-name', for: single ? id : undefined, id: `${id}-name` }, label,
    required && input.type !== CHECK && el('span', { class: 'needed', 'aria-hidden': 'true' }, ' *'));
  const about = description && el('p', { class: 'aside', id: `${id}-about` }, description);
  control.target.setAttribute('aria-describedby', `${id}-about ${id}-fault`);
  if (required) control.target.setAttribute('aria-required', 'true');
  const tell = (words) => {
    fault.textContent = words ?? '';
    control.target.setAttribute('aria-invalid', String(Boolean(words)));
    node.classList.toggle('bad', Boolean(words));
  };
  const node = el('div', { class: `form-field ${input.type === CHECK ? 'one-line' : ''}`, 'data-custom-id': input.custom_id, role: single ? undefined : 'group', 'aria-labelledby': single ? undefined : `${id}-name` },
    name, about, control.node, fault);
  node.addEventListener('input', () => tell());
  return {
    id: input.custom_id,
    node,
    read: control.read,
    fault: tell,
    focus: () => control.target.focus(),
    check() {
      const words = control.wrong(required);
      tell(words);
      return !words;
    },
  };
}

function text(input, id) {
  const long = input.style === 2;
  const most = input.max_length ?? 4000;
  const target = el(long ? 'textarea' : 'input', {
    id, rows: long ? '5' : undefined, type: long ? undefined : 'text', placeholder: input.placeholder, value: input.value ?? '',
  });
  const counter = el('span', { class: 'counter', 'aria-hidden': 'true' });
  const length = () => [...target.value].length;
  const count = () => {
    counter.textContent = input.max_length ? `${length()} / ${most}` : '';
    counter.classList.toggle('over', length() > most);
  };
  target.addEventListener('input', count);
  count();
  return {
    target,
    node: el('div', { class: 'counted' }, target, counter),
    read: () => target.value,
    wrong(required) {
      const least = input.min_length ?? 0;
      if (!target.value && required) return 'This is needed.';
      if (target.value && length() < least) return `At least ${least} characters.`;
      return length() > most ? `At most ${most} characters.` : undefined;
    },
  };
}

function select(input, id, label) {
  const rows = rowsOf(input);
  let values = (input.options ?? []).filter((option) => option.default).map((option) => option.value);
  if (!values.length) values = (input.default_values ?? []).map((value) => value.id);
  const words = el('span', { class: 'select-text' });
  const target = el('button', { id, type: 'button', class: 'select', role: 'combobox', 'aria-haspopup': 'listbox', 'aria-expanded': 'false' },
    words, el('span', { class: 'caret', 'aria-hidden': 'true' }, '⌄'));
  const draw = () => {
    const chosen = rows.filter((row) => values.includes(row.value)).map((row) => row.label);
    words.textContent = chosen.join(', ') || input.placeholder || 'Make a selection';
    target.classList.toggle('full', chosen.length > 0);
  };
  const least = input.min_values ?? 1;
  const most = input.max_values ?? 1;
  target.addEventListener('click', () => choose(target, {
    rows, min: input.required === false ? 0 : least, max: most, chosen: values, label,
    done(picked) { values = picked.map((row) => row.value); draw(); target.dispatchEvent(new Event('input', { bubbles: true })); target.focus(); },
  }));
  draw();
  return { target, node: target, read: () => (values.length ? values : undefined), wrong: (required) => between(values.length, required, least, most) };
}

function between(count, required, least, most) {
  if (!count) return required ? 'This is needed.' : undefined;
  if (count < least) return `Choose at least ${least}.`;
  return count > most ? `Choose at most ${most}.` : undefined;
}

/** Radio buttons and check boxes. */
function group(input, id) {
  const one = input.type === RADIO;
  const boxes = (input.options ?? []).map((option, index) => el('input', {
    type: one ? 'radio' : 'checkbox', name: id, id: `${id}-${index}`, 'data-value': option.value, checked: Boolean(option.default),
  }));
  const node = el('div', { class: 'choices' }, boxes.map((box, index) => el('label', { class: 'choice', for: box.id }, box,
    el('span', { class: 'what' }, input.options[index].label, input.options[index].description && el('small', {}, input.options[index].description)))));
  const values = () => boxes.filter((box) => box.checked).map((box) => box.dataset.value);
  return {
    target: boxes[0] ?? node,
    node,
    labelled: false,
    read: () => (one ? values()[0] : values()),
    wrong: (required) => between(values().length, required, one ? 1 : input.min_values ?? 1, one ? 1 : input.max_values ?? boxes.length),
  };
}

function check(input, id) {
  const target = el('input', { type: 'checkbox', id, checked: Boolean(input.default) });
  return { target, node: target, read: () => target.checked, wrong: () => undefined };
}

function upload(input, id) {
  const most = input.max_values ?? 1;
  const target = el('input', { type: 'file', id, multiple: most > 1 });
  const told = el('span', { class: 'aside' });
  target.addEventListener('change', () => { told.textContent = [...target.files].map((file) => `${file.name}, ${size(file.size)}`).join('; '); });
  return {
    target,
    node: el('div', { class: 'upload' }, target, told),
    read: async () => (target.files.length ? Promise.all([...target.files].map(readFile)) : undefined),
    wrong: (required) => between(target.files.length, required, input.min_values ?? 1, most),
  };
}
