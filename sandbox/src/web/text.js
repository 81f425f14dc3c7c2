// Discord's Markdown as DOM nodes.
//
// Builds nodes with textContent only: nothing that anyone writes is ever parsed as HTML.

/** Makes an element; children are nodes or texts, `undefined` ones are left out. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key === 'class') node.className = value;
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (typeof value === 'boolean') { if (value) node.setAttribute(key, ''); }
    else if (value !== undefined && value !== null) node.setAttribute(key, String(value));
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return node;
}

/** A text with fences, headings, lists, quotes and inline marks. `names` finds people, roles and channels. */
export function markdown(text, names) {
  const root = el('div', { class: 'text' });
  const fence = /```(?:([A-Za-z0-9_+.-]+)?\n)?([\s\S]*?)```/g;
  let from = 0;
  for (const found of text.matchAll(fence)) {
    lines(text.slice(from, found.index), root, names);
    root.append(code(found[1], found[2]));
    from = found.index + found[0].length;
  }
  lines(text.slice(from), root, names);
  return root;
}

function code(language, text) {
  const body = text.replace(/\n$/, '');
  return el('pre', {}, el('code', {}, language === 'ansi' ? ansi(body) : body));
}

function ansi(text) {
  const parts = text.split(/\x1b\[([0-9;]*)m/);
  const on = new Set();
  const nodes = [];
  parts.forEach((part, index) => {
    if (index % 2 === 0) {
      if (part) nodes.push(el('span', { class: [...on].map((c) => `a${c}`).join(' ') }, part));
      return;
    }
    for (const value of (part || '0').split(';').map(Number)) {
      if (value === 0) { on.clear(); continue; }
      for (const low of [30, 40]) {
        if (value >= low && value < low + 8) for (let i = low; i < low + 8; i++) on.delete(i);
      }
      on.add(value);
    }
  });
  return nodes;
}

function lines(text, root, names) {
  const trimmed = text.replace(/^\n/, '').replace(/\n$/, '');
  if (!trimmed) return;
  let paragraph;
  let list;
  for (const line of trimmed.split('\n')) {
    const heading = /^(#{1,3}) (.+)/.exec(line);
    const item = /^ {0,6}[-*] (.+)/.exec(line);
    if (!item) list = undefined;
    if (heading || item || line.startsWith('-# ') || line.startsWith('> ')) paragraph = undefined;
    if (heading) root.append(el(`h${heading[1].length + 2}`, {}, inline(heading[2], names)));
    else if (line.startsWith('-# ')) root.append(el('small', {}, inline(line.slice(3), names)));
    else if (line.startsWith('> ')) root.append(el('blockquote', {}, inline(line.slice(2), names)));
    else if (item) {
      if (!list) root.append(list = el('ul'));
      list.append(el('li', {}, inline(item[1], names)));
    } else if (paragraph) paragraph.append(el('br'), ...inline(line, names));
    else root.append(paragraph = el('p', {}, inline(line, names)));
  }
}

// In this order: escapes, code, mentions and times, links, then marks around text.
const MARKS = [
  [/^\\([\\`*_~|<>#@()[\]\-:.!+])/, (m) => m[1]],
  [/^(`+)([\s\S]*?[^`])\1(?!`)/, (m) => el('code', {}, m[2].replace(/^ (.*) $/, '$1'))],
  [/^<@!?(\d+)>/, (m, names) => mention(`@${names.user(m[1]) ?? 'unknown-user'}`)],
  [/^<@&(\d+)>/, (m, names) => mention(`@${names.role(m[1]) ?? 'unknown-role'}`)],
  [/^<#(\d+)>/, (m, names) => mention(`#${names.channel(m[1]) ?? 'unknown'}`)],
  [/^<\/([^:>]{1,100}):\d+>/, (m) => mention(`/${m[1]}`)],
  [/^@(everyone|here)/, (m) => mention(m[0])],
  [/^<t:(-?\d{1,13})(?::([tTdDfFR]))?>/, (m) => time(Number(m[1]), m[2])],
  [/^\[([^\]\n]+)\]\(<?(https?:\/\/[^\s)>]+)>?\)/, (m) => link(m[2], m[1])],
  [/^<(https?:\/\/[^\s>]+)>/, (m) => link(m[1], m[1])],
  [/^https?:\/\/[^\s<>)\]]+/, (m) => link(m[0], m[0])],
  [/^\*\*([\s\S]+?)\*\*(?!\*)/, (m, names, depth) => el('strong', {}, inline(m[1], names, depth))],
  [/^__([\s\S]+?)__(?!_)/, (m, names, depth) => el('u', {}, inline(m[1], names, depth))],
  [/^~~([\s\S]+?)~~/, (m, names, depth) => el('s', {}, inline(m[1], names, depth))],
  [/^\|\|([\s\S]+?)\|\|/, (m, names, depth) => el('span', { class: 'spoiler' }, inline(m[1], names, depth))],
  [/^\*([^\s*](?:[^*\n]*[^\s*])?)\*(?!\*)/, (m, names, depth) => el('em', {}, inline(m[1], names, depth))],
  [/^_([^\s_](?:[^_\n]*[^\s_])?)_(?![A-Za-z0-9_])/, (m, names, depth) => el('em', {}, inline(m[1], names, depth))],
];
const START = /[\\`<@[*_~|]|https?:/g;

function inline(text, names, depth = 0) {
  if (depth > 6) return [text];
  const nodes = [];
  let from = 0;
  let plain = 0;
  while (from < text.length) {
    START.lastIndex = from;
    const next = START.exec(text);
    if (!next) break;
    const rest = text.slice(next.index);
    let hit;
    // A single underscore inside a word is not a mark.
    const inWord = next[0] === '_' && /[A-Za-z0-9]/.test(text[next.index - 1] ?? '');
    for (const [pattern, make] of inWord ? [] : MARKS) {
      const m = pattern.exec(rest);
      if (m) { hit = [m[0].length, make(m, names, depth + 1)]; break; }
    }
    if (hit) {
      if (next.index > plain) nodes.push(text.slice(plain, next.index));
      nodes.push(hit[1]);
      from = plain = next.index + hit[0];
    } else from = next.index + 1;
  }
  if (plain < text.length) nodes.push(text.slice(plain));
  return nodes;
}

const mention = (text) => el('span', { class: 'mention' }, text);
const link = (url, text) => el('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, text);

function time(seconds, style) {
  const node = el('time', { class: 'when', 'data-at': seconds, 'data-style': style ?? 'f' });
  node.title = new Date(seconds * 1000).toLocaleString();
  tick(node);
  return node;
}

const FORMATS = {
  t: { timeStyle: 'short' }, T: { timeStyle: 'medium' }, d: { dateStyle: 'short' }, D: { dateStyle: 'long' },
  f: { dateStyle: 'long', timeStyle: 'short' }, F: { dateStyle: 'full', timeStyle: 'short' },
};

/** Shows a timestamp as of now; relative ones want this again every second. */
export function tick(node) {
  const at = Number(node.dataset.at) * 1000;
  const shown = node.dataset.style === 'R' ? relative(at) : format(at, FORMATS[node.dataset.style]);
  if (node.textContent !== shown) node.textContent = shown;
}

function format(at, options) {
  return Number.isFinite(new Date(at).getTime()) ? new Intl.DateTimeFormat(undefined, options).format(at) : 'never';
}

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

function relative(at) {
  const seconds = Math.round((at - Date.now()) / 1000);
  for (const [unit, size] of [['year', 31536000], ['month', 2592000], ['day', 86400], ['hour', 3600], ['minute', 60]]) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return RELATIVE.format(seconds, 'second');
}
