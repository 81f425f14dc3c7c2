// Nodes: building them, and bringing old ones to a new state without losing focus, scroll or what a person has opened.

/** Makes an element. `on` holds listeners, `vars` CSS variables; other props are attributes, absent when null or false. */
export function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'on') for (const [name, listener] of Object.entries(value)) node.addEventListener(name, listener);
    else if (key === 'vars') for (const [name, text] of Object.entries(value)) node.style.setProperty(name, text);
    else if (key === 'value') node.value = value;
    else node.setAttribute(key, value === true ? '' : String(value));
  }
  const wanted = children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false);
  node.append(...wanted);
  return node;
}

export const $ = (id) => document.getElementById(id);

/** What a person has done to a node, which a new drawing of it does not know. */
const KEPT = new Set(['data-revealed', 'open', 'aria-expanded']);

/** Brings `old` to the state of `fresh`; gives the node that then stands there. */
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return fresh;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return old;
  }
  if (fresh.dataset.keep !== undefined && old.dataset.keep === fresh.dataset.keep) return old;
  if (old.dataset.keep !== fresh.dataset.keep) {
    old.replaceWith(fresh);
    return fresh;
  }
  attributes(old, fresh);
  let there = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    if (there) there = morph(there, child).nextSibling;
    else old.append(child);
  }
  while (there) {
    const next = there.nextSibling;
    there.remove();
    there = next;
  }
  return old;
}

function attributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    // A style attribute would be refused by the page's policy; the object behind it is not.
    if (name === 'style') continue;
    if (old.getAttribute(name) !== value && !KEPT.has(name)) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (name !== 'style' && !fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
  }
  if (old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText;
}

/** Makes `parent` hold exactly `nodes`, moving as few as possible. */
export function place(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  let there = parent.firstChild;
  for (const node of nodes) {
    if (node === there) there = there.nextSibling;
    else parent.insertBefore(node, there);
  }
}

/** Orders ids: they are decimal numbers too large for JavaScript's. */
export function byId(a, b) {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** Milliseconds of the Unix epoch at which an id was made. */
export const madeAt = (id) => Number(BigInt(id) >> 22n) + 1420070400000;

/** A number of bytes for people. */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`;
}

export const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
export const colour = (number) => `#${number.toString(16).padStart(6, '0')}`;

const HUES = [205, 160, 28, 336, 265, 188, 8, 46, 96, 300, 230, 130];

/** A picture for someone: the app has the logo, people their first letter on a colour that goes by their name. */
export function avatar(user, extra = '') {
  let hue = 0;
  for (const c of user?.username ?? '') hue = (hue * 7 + c.charCodeAt(0)) % 997;
  const letter = [...(user?.global_name ?? user?.username ?? '?')][0]?.toUpperCase() ?? '?';
  const props = { class: `avatar ${user?.bot ? 'app' : ''} ${extra}`, 'aria-hidden': 'true' };
  if (user?.bot) return el('img', { ...props, src: 'favicon.svg', alt: '' });
  return el('span', { ...props, vars: { '--hue': HUES[hue % HUES.length] } }, letter);
}

/** Their shown name. */
export const called = (user) => user?.global_name ?? user?.username ?? 'unknown';
