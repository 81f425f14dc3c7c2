// Messages as DOM nodes: authors, texts, components, embeds, files, threads.
//
// `ctx` gives names and receives what people do: click, select, openThread.

import { el, markdown } from '/text.js';

const EPHEMERAL = 64;
const LOADING = 128;
const V2 = 1 << 15;
const HUES = [222, 152, 28, 336, 262, 190, 8, 46];

/** One message. */
export function message(m, ctx) {
  const pings = m.mention_everyone || m.mentions.some((u) => u.id === ctx.me)
    || m.mention_roles.some((id) => ctx.myRoles.includes(id));
  const classes = ['message', m.ephemeral && 'ephemeral', m.deleted && 'deleted', pings && 'pings'];
  const body = el('div', { class: 'body' });
  if (m.deleted) body.append(el('p', { class: 'thinking' }, 'This message was deleted'));
  else if (m.notice) body.append(el('p', { class: 'notice' }, m.notice));
  else if (m.flags & LOADING) body.append(el('p', { class: 'thinking' }, `${m.author.username} is thinking…`));
  if (!m.deleted && !m.notice) fill(body, m, ctx);
  if (m.flags & EPHEMERAL) body.append(el('p', { class: 'only' }, 'Only you can see this'));
  const used = m.interaction_metadata?.name ? `/${m.interaction_metadata.name}` : m.notice && m.label;
  const who = m.interaction_metadata?.user?.username ?? ctx.names.user(ctx.me);
  return el('article', { class: classes.filter(Boolean).join(' '), 'data-id': m.id },
    used ? el('div', { class: 'used' }, el('b', {}, who), ` used ${used}`) : undefined,
    avatar(m.author), by(m), body);
}

function fill(body, m, ctx) {
  if (m.content && !(m.flags & V2)) body.append(markdown(m.content, ctx.names));
  for (const embed of m.embeds) body.append(drawEmbed(embed, ctx));
  for (const part of m.components) body.append(component(part, m, ctx));
  const shown = new Set();
  collectFiles(m.components, shown);
  for (const file of m.attachments) {
    if (!(m.flags & V2) && !shown.has(file.id)) body.append(drawFile(file));
  }
  if (m.thread) body.append(chip(m.thread, ctx));
}

function avatar(author) {
  const hue = HUES[Number(BigInt(author.id) >> 3n & 7n)];
  const node = el('div', { class: 'avatar', 'aria-hidden': 'true' }, [...author.username][0]?.toUpperCase() ?? '?');
  node.style.background = `hsl(${hue} 48% 46%)`;
  return node;
}

function by(m) {
  const at = new Date(m.timestamp);
  const time = el('time', { datetime: m.timestamp }, at.toLocaleTimeString(undefined, { timeStyle: 'short' }));
  time.title = at.toLocaleString();
  return el('div', { class: 'by' }, el('b', {}, m.author.username),
    m.author.bot ? el('span', { class: 'tag' }, 'BOT') : undefined, time,
    m.edited_timestamp ? el('span', { class: 'edited' }, '(edited)') : undefined);
}

function chip(thread, ctx) {
  const count = thread.message_count;
  return el('div', {}, el('button', { class: 'chip', type: 'button', onclick: () => ctx.openThread(thread.id) },
    el('b', {}, thread.name), el('span', {}, `${count} ${count === 1 ? 'message' : 'messages'} ›`)));
}

function drawFile(file) {
  return el('div', { class: 'file' }, el('a', { href: local(file.url), download: file.filename }, file.filename), el('span', {}, size(file.size)));
}

/** Attachment addresses name the listener; the page asks its own origin. */
function local(url) {
  try {
    const parsed = new URL(url);
    return parsed.pathname.startsWith('/attachments/') ? parsed.pathname : '#';
  } catch { return '#'; }
}

function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`;
}

function collectFiles(list, into) {
  for (const part of list ?? []) {
    if (part.file?.attachment_id) into.add(part.file.attachment_id);
    collectFiles(part.components, into);
  }
}

function component(part, m, ctx) {
  switch (part.type) {
    case 1: return el('div', { class: 'row' }, part.components.map((child) => component(child, m, ctx)));
    case 2: return button(part, m, ctx);
    case 3: case 5: case 6: case 7: case 8: return select(part, m, ctx);
    case 9: return el('div', { class: 'section' },
      el('div', {}, part.components.map((child) => component(child, m, ctx))), component(part.accessory, m, ctx));
    case 10: return markdown(part.content, ctx.names);
    case 12: return el('div', {}, part.items.map((item) => media(item.media)));
    case 11: return media(part.media);
    case 13: return drawFile({ url: part.file.url, filename: part.name ?? 'file', size: part.size ?? 0 });
    case 14: return el('hr', { class: `${part.divider === false ? 'plain ' : ''}${part.spacing === 2 ? 'wide' : ''}` });
    case 17: {
      const node = el('div', { class: 'container' }, part.components.map((child) => component(child, m, ctx)));
      if (Number.isInteger(part.accent_color)) node.style.borderLeftColor = colour(part.accent_color);
      return node;
    }
    default: return el('p', { class: 'only' }, `Unknown component ${part.type}`);
  }
}

const colour = (value) => `#${value.toString(16).padStart(6, '0')}`;

function media(item) {
  return el('div', { class: 'file' }, el('a', { href: local(item.url), download: item.name ?? '' }, item.name ?? 'media'));
}

function button(part, m, ctx) {
  const label = [part.emoji?.name, part.label].filter(Boolean).join(' ');
  if (part.style === 5) {
    const href = /^https?:\/\//.test(part.url) ? part.url : '#';
    return el('a', { class: 'act s5', href, target: '_blank', rel: 'noopener noreferrer' }, `${label} ↗`);
  }
  return el('button', {
    class: `act s${part.style}`, type: 'button', disabled: Boolean(part.disabled),
    onclick: (event) => ctx.click(m, part.custom_id, event.currentTarget),
  }, label);
}

function select(part, m, ctx) {
  const options = part.options ?? ctx.entities(part.type);
  const many = (part.max_values ?? 1) > 1;
  const node = el('select', { 'aria-label': part.placeholder ?? 'Choose', disabled: Boolean(part.disabled), multiple: many });
  if (!many) node.append(el('option', { value: '', selected: true }, part.placeholder ?? 'Choose…'));
  for (const option of options) {
    node.append(el('option', { value: option.value, selected: Boolean(option.default) },
      option.description ? `${option.label} – ${option.description}` : option.label));
  }
  const send = () => {
    const values = [...node.selectedOptions].map((option) => option.value).filter(Boolean);
    if (values.length) ctx.select(m, part.custom_id, values, node);
  };
  if (!many) node.addEventListener('change', send);
  return many ? el('div', { class: 'row' }, node, el('button', { class: 'act s1', type: 'button', onclick: send }, 'Choose')) : node;
}

function drawEmbed(embed, ctx) {
  const node = el('div', { class: 'embed' },
    embed.author ? el('small', {}, embed.author.name) : undefined,
    embed.title ? el('h5', {}, embed.title) : undefined,
    embed.description ? markdown(embed.description, ctx.names) : undefined,
    embed.fields?.length ? el('dl', {}, embed.fields.map((field) =>
      el('div', {}, el('dt', {}, field.name), el('dd', {}, markdown(field.value, ctx.names))))) : undefined,
    embed.footer ? el('small', {}, embed.footer.text) : undefined);
  if (Number.isInteger(embed.color)) node.style.borderLeftColor = colour(embed.color);
  return node;
}

/** A modal as a form; `done` gets the fields, `closed` is called when it is put away. */
export function modal(dialog, shown, ctx, done, closed) {
  const hint = el('p', { class: 'hint', 'aria-live': 'polite' });
  const inputs = [];
  const parts = shown.components.map((part) => {
    if (part.type === 10) return markdown(part.content, ctx.names);
    const input = part.component ?? part.components?.[0];
    const [node, read] = modalInput(input, ctx);
    inputs.push([input.custom_id, read]);
    return el('label', {}, part.label ?? input.label, part.description ? el('small', {}, part.description) : undefined, node);
  });
  const submit = async (event) => {
    event.preventDefault();
    const entries = inputs.map(([id, read]) => [id, read()]).filter(([, value]) => value !== undefined);
    const refused = await done(Object.fromEntries(entries));
    if (refused) { hint.textContent = refused; hint.className = 'hint bad'; }
  };
  dialog.replaceChildren(el('form', { onsubmit: submit }, el('h3', {}, shown.title), parts, hint,
    el('div', { class: 'row' },
      el('button', { class: 'act s2', type: 'button', onclick: () => { dialog.close(); closed(); } }, 'Cancel'),
      el('button', { class: 'act s1', type: 'submit' }, 'Submit'))));
  dialog.oncancel = closed;
  if (!dialog.open) dialog.showModal();
}

function modalInput(input, ctx) {
  if (input.type === 4) {
    const props = { maxlength: input.max_length ?? 4000, placeholder: input.placeholder };
    const node = input.style === 2 ? el('textarea', { rows: 4, ...props }) : el('input', props);
    node.value = input.value ?? '';
    return [node, () => node.value];
  }
  if (input.type === 23) {
    const node = el('input', { type: 'checkbox' });
    return [node, () => node.checked];
  }
  const many = (input.max_values ?? 1) > 1 || input.type === 22;
  const node = el('select', { multiple: many });
  if (!many) node.append(el('option', { value: '' }, input.placeholder ?? 'Choose…'));
  for (const option of input.options ?? ctx.entities(input.type)) {
    node.append(el('option', { value: option.value, selected: Boolean(option.default) }, option.label));
  }
  const values = () => [...node.selectedOptions].map((option) => option.value).filter(Boolean);
  return [node, () => (input.type === 21 ? values()[0] : values())];
}
