// Text that arrives as HTML: the only place of the page where text becomes nodes, and times that tick.
//
// The server has escaped what people and bots write. It is checked here once more against a list, in a document in which
// nothing loads and nothing runs.

import { el } from './dom.js';
import { sign } from './signs.js';

const TAGS = new Set(('A B BLOCKQUOTE BR CODE DEL DIV EM H1 H2 H3 H4 H5 H6 HR I LI OL P PRE S SMALL SPAN STRONG SUB TIME U UL').split(' '));
const ATTRIBUTES = new Set(('aria-label class data-at data-channel data-command data-message data-role data-style data-user '
  + 'datetime href rel start target title').split(' '));

const policy = window.trustedTypes?.createPolicy('shanty', { createHTML: (text) => text });

/** The nodes of a text that the server has made HTML of; plain text when there is none. */
export function rich(html, plain = '') {
  if (typeof html !== 'string') return el('div', { class: 'text' }, el('p', { class: 'plain' }, plain));
  const template = document.createElement('template');
  template.innerHTML = policy ? policy.createHTML(html) : html;
  clean(template.content);
  const node = el('div', { class: 'text' });
  node.append(document.importNode(template.content, true));
  sign(node);
  node.querySelectorAll('time.when').forEach(tick);
  node.querySelectorAll('.spoiler').forEach((spoiler) => {
    spoiler.tabIndex = 0;
    spoiler.setAttribute('role', 'button');
    spoiler.setAttribute('aria-label', 'Spoiler');
  });
  node.querySelectorAll('pre').forEach((pre) => {
    const fence = el('div', { class: 'fence' });
    pre.replaceWith(fence);
    fence.append(pre, el('button', { type: 'button', class: 'copy', tabindex: '-1', 'aria-label': 'Copy this block' }, 'Copy'));
  });
  return node;
}

/** Like `rich`, for a place within a line. */
export function inline(html, plain = '') {
  const node = rich(html, plain);
  const span = el('span', { class: 'text' });
  const only = node.childNodes.length === 1 && node.firstChild.nodeName === 'P' ? node.firstChild : node;
  span.append(...only.childNodes);
  return span;
}

function clean(parent) {
  for (const node of [...parent.childNodes]) {
    if (node.nodeType === Node.TEXT_NODE) continue;
    if (node.nodeType !== Node.ELEMENT_NODE || !TAGS.has(node.nodeName)) {
      node.replaceWith(node.textContent ?? '');
      continue;
    }
    for (const { name } of [...node.attributes]) if (!ATTRIBUTES.has(name)) node.removeAttribute(name);
    const href = node.getAttribute('href');
    if (href !== null && !/^(https?:\/\/|#)/i.test(href)) node.removeAttribute('href');
    if (node.nodeName === 'A' && node.hasAttribute('href') && !node.hasAttribute('data-channel')) {
      node.setAttribute('target', '_blank');
      node.setAttribute('rel', 'noopener noreferrer');
    }
    clean(node);
  }
}

const UNITS = [['year', 31536000], ['month', 2592000], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const format = (options) => new Intl.DateTimeFormat(undefined, options);
const FORMATS = {
  t: format({ timeStyle: 'short' }), T: format({ timeStyle: 'medium' }), d: format({ dateStyle: 'short' }),
  D: format({ dateStyle: 'long' }), f: format({ dateStyle: 'long', timeStyle: 'short' }),
  F: format({ dateStyle: 'full', timeStyle: 'short' }),
  s: format({ dateStyle: 'short', timeStyle: 'short' }), S: format({ dateStyle: 'short', timeStyle: 'medium' }),
};

/** Writes a `<time>` as it reads now, here. */
export function tick(node) {
  const at = Number(node.dataset.at);
  const date = new Date(at * 1000);
  if (!Number.isFinite(at) || Number.isNaN(date.getTime())) return;
  const text = node.dataset.style === 'R' ? since(at) : (FORMATS[node.dataset.style] ?? FORMATS.f).format(date);
  if (node.textContent !== text) node.textContent = text;
  if (!node.title) node.title = FORMATS.F.format(date);
}

function since(at) {
  const seconds = Math.round(at - Date.now() / 1000);
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return relative.format(Math.trunc(seconds / length), unit);
}

/** The time of day of a message, and its day for a divider. */
export const clock = (ms) => FORMATS.t.format(ms);
export const moment = (ms) => FORMATS.F.format(ms);
export const day = (ms) => FORMATS.D.format(ms);

setInterval(() => {
  if (document.hidden) return;
  document.querySelectorAll('time.when[data-style=R]').forEach(tick);
}, 1000);
