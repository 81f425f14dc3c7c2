// Attachments: pictures and sound inline, the first lines of texts, everything else as a download.

import { el, size } from './dom.js';

/** Bytes of a text that are read for its preview. */
const PREVIEW_BYTES = 64 * 1024;
/** Of it is shown so much at first, and so much unfolded. */
const SHORT = { lines: 6, chars: 1200 };
const LONG = { lines: 200, chars: 16 * 1024 };
const TEXTS = /\.(txt|log|md|json|ndjson|jsonl|csv|tsv|ya?ml|toml|ini|conf|cfg|sh|py|rs|js|ts|c|h|diff|patch|xml|html?|css|sql|out|err)$/i;
const PICTURES = /\.(png|jpe?g|gif|webp)$/i;

/** Attachment addresses name the listener; the page asks where it came from itself. Others are not loaded at all. */
export function local(url) {
  try {
    const parsed = new URL(url, location.href);
    return parsed.pathname.startsWith('/attachments/') ? parsed.pathname.slice(1) : undefined;
  } catch { return undefined; }
}

const isPicture = (file) => file.content_type?.startsWith('image/') ?? PICTURES.test(file.filename);
const isText = (file) => TEXTS.test(file.filename) || /^(text\/|application\/json)/.test(file.content_type ?? '');

/** One attachment of a message. */
export function attachment(file) {
  const path = local(file.url);
  if (!path) return outside(file.url, file.filename);
  const spoiler = file.filename.startsWith('SPOILER_');
  if (isPicture(file) && file.content_type !== 'image/svg+xml') return picture(path, file.description ?? file.filename, spoiler);
  if (file.content_type?.startsWith('audio/')) return el('audio', { controls: true, preload: 'none', src: path, 'data-keep': path });
  if (file.content_type?.startsWith('video/')) return el('video', { controls: true, preload: 'metadata', src: path, 'data-keep': path });
  const head = el('div', { class: 'file-head' },
    el('span', { class: 'file-icon', 'aria-hidden': 'true' }, kindOf(file.filename)),
    el('span', { class: 'file-name', title: file.filename }, file.filename),
    el('span', { class: 'file-size' }, size(file.size ?? 0)),
    el('a', { class: 'download', href: path, download: file.filename, 'aria-label': `Download ${file.filename}` }, '↓', el('span', { class: 'word' }, ' Download')));
  const node = el('div', { class: 'file', 'data-keep': path }, head);
  if (isText(file) && file.size > 0) {
    const preview = el('pre', { class: 'preview', 'data-path': path }, el('code', {}, '…'));
    node.append(preview);
    seen.observe(preview);
  }
  return node;
}

const kindOf = (name) => (/\.([A-Za-z0-9]{1,4})$/.exec(name)?.[1] ?? 'file').toUpperCase();

/** A picture of ours, which opens in a tab of its own. */
export function picture(path, description, spoiler = false) {
  return el('a', { class: `picture ${spoiler ? 'hidden-media' : ''}`, href: path, download: '', 'data-keep': path },
    el('img', { src: path, alt: description ?? '', loading: 'lazy', decoding: 'async' }));
}

/** Something that lies elsewhere: the page never loads it, a person may go there. */
export function outside(url, label) {
  if (!/^https?:\/\//.test(url ?? '')) return el('span', { class: 'file-name' }, label ?? 'media');
  return el('a', { class: 'outside', href: url, target: '_blank', rel: 'noopener noreferrer' }, `${label ?? url.slice(0, 100)} ↗`);
}

/** A media item of a card: of this message when it is an attachment of it. */
export function media(item, m, description, spoiler) {
  const path = local(item?.url);
  if (!path) return outside(item?.url, description);
  // Names of ours need no decoding, and those of others may be no valid encoding.
  const name = path.split('/').pop() ?? '';
  const known = m.attachments?.find((file) => local(file.url) === path);
  return attachment({
    ...known, url: item.url, filename: known?.filename ?? name, description: description ?? known?.description,
    content_type: item.content_type ?? known?.content_type, size: item.size ?? known?.size ?? 0,
    ...(spoiler ? { filename: `SPOILER_${known?.filename ?? name}` } : {}),
  });
}

// A preview is fetched when it comes into sight, once.
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    load(entry.target);
  }
}, { rootMargin: '200px' });

async function load(preview) {
  try {
    const { text, more } = await beginning(preview.dataset.path);
    show(preview, text.replace(/\n$/, ''), more, false);
  } catch {
    preview.replaceChildren(el('code', {}, 'This file is no longer there.'));
  }
}

/** The beginning of a text within a bound of lines and of characters, whole characters only. */
function cut(text, { lines, chars }) {
  let end = Math.min(text.length, chars);
  let line = -1;
  for (let count = 0; count < lines && line < end; count += 1) {
    line = text.indexOf('\n', line + 1);
    if (line < 0) line = text.length;
  }
  end = Math.min(end, line);
  // A pair of surrogates is one character.
  return /[\uD800-\uDBFF]/.test(text[end - 1] ?? '') ? text.slice(0, end - 1) : text.slice(0, end);
}

const linesOf = (text) => text.split('\n').length;
const many = (count) => `${count.toLocaleString('en')} more ${count === 1 ? 'line' : 'lines'}`;

/** Shows the first lines, or what is unfolded: all of it within a bound, and where the rest is. Nothing scrolls inside. */
function show(preview, text, more, long) {
  const file = preview.parentNode;
  const shown = cut(text, long ? LONG : SHORT);
  const focused = file.querySelector('.expand') === document.activeElement;
  preview.replaceChildren(el('code', {}, shown));
  file.querySelectorAll('.expand, .left-out').forEach((node) => node.remove());
  if (!long && shown.length === text.length && !more) return;
  const left = linesOf(text) - linesOf(shown);
  if (long && (more || shown.length < text.length)) {
    const { href, download } = file.querySelector('.download');
    file.append(el('p', { class: 'left-out' }, more || !left ? 'The rest is not shown here.' : `${many(left)}, not shown here.`,
      el('a', { class: 'download', href, download }, '↓ Download all of it')));
  }
  // With nothing more to show than is shown already, there is only the file itself.
  if (!long && cut(text, LONG).length === shown.length) return;
  const button = el('button', {
    type: 'button', class: 'expand', 'aria-expanded': String(long),
    on: {
      click: () => {
        // What is unfolded is read from where it begins, though the column may have stood at its end.
        preview.dispatchEvent(new CustomEvent('unfold', { bubbles: true }));
        show(preview, text, more, !long);
        if (long) file.scrollIntoView({ block: 'nearest' });
      },
    },
  }, long ? 'Show less' : more || !left ? 'Show more' : `Show ${many(left)}`);
  file.append(button);
  if (focused) button.focus({ preventScroll: true });
}

async function beginning(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(String(response.status));
  const reader = response.body.getReader();
  const parts = [];
  let length = 0;
  let done = false;
  while (!done && length < PREVIEW_BYTES) {
    const part = await reader.read();
    done = part.done;
    if (part.value) { parts.push(part.value); length += part.value.length; }
  }
  if (!done) await reader.cancel();
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer()).slice(0, PREVIEW_BYTES);
  return { text: new TextDecoder().decode(bytes), more: !done };
}

/** A file of the person as a script action takes it. */
export async function readFile(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = '';
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return { filename: file.name, base64: btoa(binary) };
}
