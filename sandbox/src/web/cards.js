// Cards: components of both generations and embeds. Nothing here listens; `actions` hears the whole column.

import { colour, el } from './dom.js';
import { inline, rich } from './html.js';
import { attachment, media, outside } from './files.js';
import { signed } from './signs.js';
import { entities } from './state.js';

/** Key of a control of a message, for what is known of it only here. */
export const keyOf = (m, part) => `${m.id}:${part.custom_id}`;

/** Every component of a list, nested ones too. */
export function* walk(list) {
  for (const part of list ?? []) {
    yield part;
    yield* walk(part.components);
    if (part.accessory) yield part.accessory;
  }
}

/** One component; `local` knows which controls are busy and what was chosen. */
export function component(part, m, local) {
  const children = () => part.components.map((child) => component(child, m, local));
  switch (part.type) {
    case 1: return el('div', { class: 'row' }, children());
    case 2: return button(part, m, local);
    case 3: case 5: case 6: case 7: case 8: return select(part, m, local);
    case 9: return el('div', { class: 'section' }, el('div', { class: 'section-text' }, children()),
      part.accessory && component(part.accessory, m, local));
    case 10: return rich(part.content_html, part.content);
    case 11: return el('div', { class: 'thumbnail' }, media(part.media, m, part.description, part.spoiler));
    case 12: return el('div', { class: `gallery n${Math.min(part.items.length, 4)}` },
      part.items.map((item) => el('figure', {}, media(item.media, m, item.description, item.spoiler))));
    case 13: return media(part.file, m, undefined, part.spoiler);
    case 14: return el('hr', { class: `${part.divider === false ? 'plain' : ''} ${part.spacing === 2 ? 'wide' : ''}` });
    case 17: return container(part, children());
    default: return el('p', { class: 'aside' }, `A component of type ${part.type}, which this page does not draw`);
  }
}

function container(part, children) {
  const tinted = Number.isInteger(part.accent_color);
  return el('section', {
    class: `container ${tinted ? 'tinted' : ''} ${part.spoiler ? 'veiled' : ''}`,
    vars: tinted ? { '--bar': colour(part.accent_color) } : undefined,
  }, children);
}

const emojiOf = (emoji) => emoji && el('span', { class: 'emoji', 'aria-hidden': 'true' }, emoji.id ? `:${emoji.name}:` : signed(emoji.name));

function button(part, m, local) {
  const label = [emojiOf(part.emoji), part.label && el('span', { class: 'act-label' }, signed(part.label))];
  if (part.style === 5) {
    const href = /^(https?|discord):\/\//.test(part.url ?? '') ? part.url : undefined;
    const inside = /\/channels\/\d+\/(\d+)(?:\/(\d+))?$/.exec(part.url ?? '');
    return el('a', {
      class: 'act s5', href, target: inside ? undefined : '_blank', rel: 'noopener noreferrer', role: 'link',
      'data-channel': inside?.[1], 'data-message': inside?.[2], 'aria-disabled': part.disabled && 'true',
    }, label, el('span', { class: 'out', 'aria-hidden': 'true' }, '↗'));
  }
  if (part.style === 6) return el('button', { class: 'act s2', type: 'button', disabled: true }, 'Premium');
  const busy = local.busy.has(keyOf(m, part));
  return el('button', {
    class: `act s${part.style}`, type: 'button', disabled: part.disabled || busy, 'aria-busy': busy && 'true',
    'data-custom-id': part.custom_id, 'aria-label': part.label ? undefined : part.emoji?.name,
  }, label);
}

function select(part, m, local) {
  const busy = local.busy.has(keyOf(m, part));
  const chosen = local.chosen.get(keyOf(m, part))?.labels
    ?? (part.options ?? []).filter((option) => option.default).map((option) => option.label);
  const defaults = chosen.length ? chosen
    : (part.default_values ?? []).map((value) => rowsOf(part).find((row) => row.value === value.id)?.label ?? value.id);
  const shown = defaults.length ? defaults.join(', ') : part.placeholder ?? 'Make a selection';
  return el('button', {
    class: `select ${defaults.length ? 'full' : ''}`, type: 'button', role: 'combobox', 'aria-haspopup': 'listbox', 'aria-expanded': 'false',
    'aria-label': part.placeholder ?? 'Make a selection', disabled: part.disabled || busy, 'aria-busy': busy && 'true',
    'data-custom-id': part.custom_id, 'data-select': part.type,
  }, el('span', { class: 'select-text' }, signed(shown)), el('span', { class: 'caret', 'aria-hidden': 'true' }, '⌄'));
}

/** What a select offers. */
export function rowsOf(part) {
  if (!part.options) return entities(part.type, part.channel_types);
  return part.options.map((option) => ({
    value: option.value, detail: option.description, label: [option.emoji?.name, option.label].filter(Boolean).join(' '),
  }));
}

/** One embed. */
export function embed(data, m) {
  const tinted = Number.isInteger(data.color) && data.color !== 0;
  const link = (url, child) => (/^https?:\/\//.test(url ?? '')
    ? el('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, child) : child);
  const fields = (data.fields ?? []).map((field) => el('div', { class: field.inline ? 'field inline' : 'field' },
    el('dt', {}, inline(field.name_html, field.name)), el('dd', {}, rich(field.value_html, field.value))));
  const picture = data.image?.url ? media(data.image, m, 'Image') : undefined;
  const footer = [data.footer?.text, data.timestamp && new Date(data.timestamp).toLocaleString()].filter(Boolean).join(' · ');
  return el('section', { class: `embed ${tinted ? 'tinted' : ''}`, vars: tinted ? { '--bar': colour(data.color) } : undefined },
    el('div', { class: 'embed-body' },
      data.provider?.name && el('p', { class: 'aside' }, data.provider.name),
      data.author && el('p', { class: 'embed-author' }, link(data.author.url, data.author.name)),
      data.title && el('p', { class: 'embed-title' }, link(data.url, inline(data.title_html, data.title))),
      data.description && rich(data.description_html, data.description),
      fields.length ? el('dl', {}, fields) : undefined,
      picture,
      footer && el('p', { class: 'aside' }, footer)),
    data.thumbnail?.url && el('div', { class: 'thumbnail' }, media(data.thumbnail, m, 'Thumbnail')));
}

/** The attachments of a message that no card shows already. */
export function loose(m) {
  if (m.flags & (1 << 15)) return [];
  const inCards = new Set(m.embeds.flatMap((e) => [e.image?.url, e.thumbnail?.url]).filter(Boolean));
  return m.attachments.filter((file) => !inCards.has(file.url)).map(attachment);
}

export { outside };
