// Slash commands as data: which there are, what a typed line means, what an option may hold, what is sent.
//
// No nodes here: `chips` draws a command being filled in.

import { entities, uses } from './state.js';

const SUB = 1;
const GROUP = 2;
const ENTITY = { 6: 5, 7: 8, 8: 6, 9: 7 };
const KINDS = { 3: 'text', 4: 'a whole number', 5: 'true or false', 6: 'a person', 7: 'a channel', 8: 'a role', 9: 'a person or role', 10: 'a number', 11: 'a file' };
const ROWS_MAX = 25;

/** Every command that can be run, sub-commands one by one: `{name, path, command, description, options}`. */
export function runnable(commands) {
  const found = [];
  for (const command of commands.filter((c) => (c.type ?? 1) === 1)) {
    const below = (node, path) => {
      const subs = (node.options ?? []).filter((o) => o.type === SUB || o.type === GROUP);
      if (subs.length) for (const sub of subs) below(sub, [...path, sub]);
      else {
        const options = [...(node.options ?? [])].sort((a, b) => Number(Boolean(b.required)) - Number(Boolean(a.required)));
        const name = [command, ...path].map((part) => part.name).join(' ');
        found.push({ name, path, command, description: node.description, options });
      }
    };
    below(command, []);
  }
  return found;
}

/** The commands that a typed beginning may mean, best first. */
export function matching(commands, typed) {
  const text = typed.toLowerCase().trimStart();
  const rank = (entry) => (entry.name.startsWith(text) ? 0 : entry.name.split(' ').some((word) => word.startsWith(text)) ? 1
    : entry.name.includes(text) ? 2 : 3);
  const used = uses.mine();
  const count = (entry) => used.get(entry.name) ?? 0;
  // What this person uses most comes first, then the order in which the app has told its commands.
  return commands.map((entry) => [rank(entry), entry]).filter(([at]) => at < 3)
    .sort(([a, x], [b, y]) => a - b || count(y) - count(x)).map(([, entry]) => entry);
}

/** A whole line as a command with its options, when it names one: from `/run on:web command:uname -a`. */
export function parse(line, commands) {
  if (!line.startsWith('/')) return undefined;
  const text = line.slice(1);
  const meant = commands.filter((entry) => text === entry.name || text.startsWith(`${entry.name} `))
    .sort((a, b) => b.name.length - a.name.length)[0];
  if (!meant) return undefined;
  const rest = text.slice(meant.name.length);
  const marks = [];
  for (const match of rest.matchAll(/(?<=\s)([\p{L}\p{N}_'-]+):/gu)) {
    const option = meant.options.find((o) => o.name === match[1]);
    if (option && !marks.some((known) => known.option === option)) marks.push({ option, from: match.index, to: match.index + match[0].length });
  }
  const values = marks.map((at, index) => ({ option: at.option, text: rest.slice(at.to, marks[index + 1]?.from ?? rest.length).trim() }));
  const before = rest.slice(0, marks[0]?.from ?? rest.length).trim();
  return { entry: meant, values, before };
}

/** What can be offered for an option without asking the app; undefined when the app has to be asked. */
export function offered(option, typed) {
  const text = typed.trim().toLowerCase();
  const fit = (rows) => rows.filter((row) => row.label.toLowerCase().includes(text.replace(/^[@#]/, ''))).slice(0, ROWS_MAX);
  if (option.choices?.length) return fit(option.choices.map((c) => ({ value: c.value, label: c.name })));
  if (option.type === 5) return fit([{ value: true, label: 'True' }, { value: false, label: 'False' }]);
  if (ENTITY[option.type]) return fit(entities(ENTITY[option.type], option.channel_types));
  return option.autocomplete ? undefined : [];
}

/** What an option wants, in words. */
export function wants(option) {
  const bounds = [];
  const from = option.min_value ?? option.min_length;
  const to = option.max_value ?? option.max_length;
  const unit = option.type === 3 ? ' characters' : '';
  if (from !== undefined && to !== undefined) bounds.push(`${from} to ${to}${unit}`);
  else if (from !== undefined) bounds.push(`at least ${from}${unit}`);
  else if (to !== undefined) bounds.push(`at most ${to}${unit}`);
  return [option.type === 3 ? '' : KINDS[option.type], ...bounds].filter(Boolean).join(', ');
}

/** The value that is sent for what stands in an option's field: `{value}` or `{fault}`. */
export function read(option, field) {
  const text = field.text.trim();
  if (field.picked !== undefined) return { value: field.picked };
  if (option.type === 11) return field.file ? { value: field.file } : { fault: 'Choose a file.' };
  if (!text) return { fault: 'This is needed.' };
  if (option.choices?.length) return exactly(option.choices.map((c) => ({ value: c.value, label: c.name })), text, 'Choose one of the list.');
  if (option.type === 5) {
    const known = { true: true, yes: true, on: true, false: false, no: false, off: false }[text.toLowerCase()];
    return known === undefined ? { fault: 'It is true or false.' } : { value: known };
  }
  if (ENTITY[option.type]) {
    const id = /^(?:<[@#][!&]?)?(\d{15,20})>?$/.exec(text)?.[1];
    if (id) return { value: id };
    return exactly(entities(ENTITY[option.type], option.channel_types), text.replace(/^[@#]\s*/, ''), `Choose ${KINDS[option.type]} of the list.`);
  }
  if (option.type === 4 || option.type === 10) return numeric(option, text);
  const length = [...text].length;
  if (length < (option.min_length ?? 0) || length > (option.max_length ?? 6000)) return { fault: `It must have ${wants(option) || 'at most 6000 characters'}.` };
  return { value: text };
}

function exactly(rows, text, fault) {
  const bare = (label) => label.toLowerCase().replace(/^[@#]\s*/, '');
  const row = rows.find((known) => bare(known.label) === text.toLowerCase() || String(known.value) === text);
  return row ? { value: row.value } : { fault };
}

function numeric(option, text) {
  const whole = option.type === 4;
  const value = Number(text);
  if (whole ? !/^[-+]?\d+$/.test(text) || !Number.isSafeInteger(value) : !Number.isFinite(value)) return { fault: `It must be ${KINDS[option.type]}.` };
  if (value < (option.min_value ?? -Infinity) || value > (option.max_value ?? Infinity)) return { fault: `It must be ${wants(option)}.` };
  return { value };
}

/** The options as a script action takes them, around them the sub-commands. */
export function options(entry, list) {
  return entry.path.reduceRight((inner, sub) => [{ name: sub.name, type: sub.type, options: inner }], list);
}
