// The slash syntax: `/run on:role=web command:uptime -p`, and what may come next while it is typed.
//
// A value runs to the next ` name:` that is an option of the same command, so values may hold spaces and colons.

const SUB = 1;
const GROUP = 2;

/** Reads a line: the command, its options with their places, and where the cursor stands. */
export function parse(line, commands) {
  const head = /^\/(\S*)/.exec(line);
  if (!head) return undefined;
  let at = head[0].length;
  const command = commands.find((c) => c.type === 1 && c.name === head[1]);
  const read = { command, typed: head[1], path: [], definitions: command?.options ?? [], options: [], at };
  while (read.definitions.some((d) => d.type === SUB || d.type === GROUP)) {
    const next = /^\s+(\S*)/.exec(line.slice(at));
    const sub = next && read.definitions.find((d) => d.name === next[1]);
    if (!sub) { read.subTyped = next?.[1] ?? ''; read.needsSub = true; return read; }
    at += next[0].length;
    read.path.push(sub);
    read.definitions = sub.options ?? [];
  }
  read.at = at;
  const names = read.definitions.map((d) => d.name).sort((a, b) => b.length - a.length).map(escapeRegex);
  if (!names.length) return read;
  const starts = [...line.slice(at).matchAll(new RegExp(`(?:^|\\s)(${names.join('|')}):`, 'g'))];
  starts.forEach((found, index) => {
    const from = at + found.index + found[0].length;
    const to = index + 1 < starts.length ? at + starts[index + 1].index : line.length;
    const definition = read.definitions.find((d) => d.name === found[1]);
    read.options.push({ definition, from, to, raw: line.slice(from, to) });
  });
  read.loose = line.slice(at, starts.length ? at + starts[0].index : line.length).trim();
  return read;
}

const escapeRegex = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The options as the script action wants them. `focused` names the one being completed. */
export function options(read, names, focused) {
  const list = read.options
    .filter((option) => option.definition.name === focused || option.raw.trim() !== '')
    .map((option) => ({
      name: option.definition.name,
      value: option.definition.name === focused ? option.raw.trim() : value(option, names),
      ...(option.definition.name === focused ? { focused: true } : {}),
    }));
  return read.path.reduceRight((inner, sub) => [{ name: sub.name, options: inner }], list);
}

function value(option, names) {
  const text = option.raw.trim();
  const { type, choices } = option.definition;
  const choice = choices?.find((c) => c.name === text || String(c.value) === text);
  if (choice) return choice.value;
  if (type === 5) return { true: true, yes: true, on: true, false: false, no: false, off: false }[text.toLowerCase()] ?? text;
  if (type >= 6 && type <= 9) {
    return /<(?:@!?|@&|#)(\d+)>/.exec(text)?.[1] ?? names.entity(type, text.replace(/^[@#]/, '')) ?? text;
  }
  return text;
}

/** Required options that have no value yet. */
export function missing(read) {
  return read.definitions.filter((d) => d.required && !read.options.some((o) => o.definition === d && o.raw.trim()));
}

/** What could come next at the cursor: items with what they show and what they put where; or a question for the bot. */
export function next(line, cursor, commands, names) {
  const read = parse(line, commands);
  if (!read) return { items: [] };
  if (cursor <= read.typed.length + 1) {
    const fits = commands.filter((c) => c.type === 1 && c.name.startsWith(read.typed));
    return { read, items: fits.map((c) => item(`/${c.name}`, c.description, 0, read.typed.length + 1, `/${c.name} `)) };
  }
  if (!read.command) return { read, items: [] };
  const before = line.slice(0, cursor);
  if (read.needsSub) {
    const from = before.lastIndexOf(' ') + 1;
    const fits = read.definitions.filter((d) => d.name.startsWith(before.slice(from)));
    return { read, items: fits.map((d) => item(d.name, d.description, from, cursor, `${d.name} `)) };
  }
  const active = read.options.find((o) => cursor >= o.from && cursor <= o.to);
  const word = /(?:^|\s)([^\s:]*)$/.exec(before)?.[1] ?? '';
  const left = read.definitions.filter((d) => !read.options.some((o) => o.definition === d));
  const optionItems = left.filter((d) => d.name.startsWith(word) && before.length > read.typed.length + 1)
    .map((d) => item(`${d.name}:`, `${d.description}${d.required ? '' : ' (optional)'}`, cursor - word.length, cursor, `${d.name}:`));
  if (!active) return { read, items: optionItems };
  const set = (text) => [active.from, active.to, `${text}${active.to === line.length ? ' ' : ''}`];
  const typed = active.raw.trim().toLowerCase();
  const offered = listed(active.definition, names).filter((o) => o.label.toLowerCase().includes(typed));
  if (offered.length) return { read, items: offered.slice(0, 25).map((o) => item(o.label, o.note ?? '', ...set(o.label))) };
  if (active.definition.autocomplete) return { read, items: [], ask: active, set };
  // At the end of a finished value, the next option's name can be completed.
  return { read, items: word.length > 0 && /\s\S+$/.test(active.raw) ? optionItems : [] };
}

function listed(definition, names) {
  if (definition.choices?.length) return definition.choices.map((c) => ({ label: c.name }));
  if (definition.type === 5) return [{ label: 'true' }, { label: 'false' }];
  return definition.type >= 6 && definition.type <= 9 ? names.list(definition.type) : [];
}

const item = (label, note, from, to, text) => ({ label, note, from, to, text });
