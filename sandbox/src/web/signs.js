// Marks of states that are drawn by the page itself, as large as Discord's emoji: many machines have no font of emoji, and
// others show thin glyphs for some of them.
//
// The character stays in the text, to be copied, searched and read out; only its look is another.

import { el } from './dom.js';

/** In the order of the pictures in signs.svg. */
const SIGNS = [...'✅❌⚠▶◀⏹⏸⏭⏳⏰⚪🟡🟢🔴❓❔⛔✖💾🗑🏷'];
/** A sign that is asked to be text (U+FE0E) stays as it is. */
const SIGN = new RegExp(`((?:${SIGNS.join('|')})(?!\\uFE0E)\\uFE0F?)`, 'u');

/** A line of text as nodes. */
export function signed(text) {
  return String(text ?? '').split(SIGN).filter(Boolean).map((part) => {
    const at = SIGNS.indexOf(part.replace('\uFE0F', ''));
    return at < 0 ? part : el('span', { class: 'sign', vars: { '--at': String(at) } }, part);
  });
}

/** Draws the signs in nodes that stand already, all but those in code. */
export function sign(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) if (SIGN.test(node.data) && !node.parentNode.closest?.('code, pre')) found.push(node);
  for (const node of found) node.replaceWith(...signed(node.data));
}
