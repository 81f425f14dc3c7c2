// What the JavaScript scripts share: the person at the other end, the list of checks, and how they are reported.
//
// It knows no client library. A script gives it async functions that assert; it runs them one after the other, prints
// one line for each, and counts every warning that was noted meanwhile as a failure of the check it was noted in.
'use strict';

const assert = require('node:assert/strict');

/** The bound of every wait, in milliseconds. */
const PATIENCE = 20_000;
/** A sandbox whose rate limits are off, and one whose limits are on. */
const { SANDBOX, SANDBOX_LIMITED: LIMITED } = process.env;

/** Does something as a person, or orders a fault. */
async function act(action, body = {}, sandbox = SANDBOX) {
  const answer = await fetch(`${sandbox}/sandbox/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE * 2),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${action} ${JSON.stringify(body)}: ${text}`);
  return action === 'traffic' ? text.split('\n').filter(Boolean).map(line => JSON.parse(line)) : JSON.parse(text);
}

/** How many requests the sandbox with rate limits has refused. */
async function refusals() {
  const exchanges = await act('traffic', {}, LIMITED);
  return exchanges.filter(exchange => exchange.status === 429).length;
}

/** Someone in the guild who types, clicks and looks. */
class Person {
  constructor(id, defaults) {
    this.id = id;
    this.place = { guild_id: defaults.guild_id, channel_id: defaults.channel_id, user_id: id };
  }

  do(action, body = {}) {
    return act(action, { ...this.place, ...body });
  }

  slash(name, options = [], more = {}) {
    return this.do('slash', { name, options, ...more });
  }

  click(message, customId) {
    return this.do('click', { channel_id: message.channelId, message_id: message.id, custom_id: customId });
  }

  select(message, customId, values) {
    return this.do('select', { channel_id: message.channelId, message_id: message.id, custom_id: customId, values });
  }

  /** The message as this person sees it, or undefined. */
  async sees(messageId, channelId = this.place.channel_id) {
    const view = await this.do('view', { channel_id: channelId, limit: 100 });
    return view.messages.find(message => message.id === messageId && !message.deleted);
  }
}

const option = (name, type, value) => ({ name, type, value });

/** Fails after the bound if the promise has not come to its end. */
async function bounded(promise, what, milliseconds = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`in ${milliseconds} ms not: ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `find` gives something. */
async function soon(find, what) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const found = await find();
    if (found) return found;
    assert(Date.now() < until, `in ${PATIENCE} ms not: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

/** The checks of one script, in the order in which they were written. */
class Checks {
  constructor() {
    this.all = [];
    this.noise = [];
    process.on('warning', warning => this.noise.push(`${warning.name}: ${warning.message}`));
    process.on('unhandledRejection', reason => this.noise.push(`unhandled: ${reason?.stack ?? reason}`));
  }

  /** Notes a complaint of the library. */
  complain(text) {
    this.noise.push(String(text));
  }

  add(name, body, expected = []) {
    this.all.push({ name, body, expected });
  }

  async run() {
    let failed = 0;
    for (const [index, { name, body, expected }] of this.all.entries()) {
      if (process.env.ONLY && index > 0 && !new RegExp(process.env.ONLY).test(name)) continue;
      const begun = Date.now();
      let why;
      try {
        await bounded(body(), 'the end of the check', PATIENCE * 2);
        await new Promise(resolve => setImmediate(resolve));
      } catch (error) {
        why = String(error?.stack ?? error).replaceAll('\n', '\n  ');
      }
      const lines = this.noise.splice(0).filter(line => !expected.some(pattern => pattern.test(line)));
      if (lines.length > 0) why ??= `the library complains: ${JSON.stringify(lines)}`;
      console.log(why ? `not ok ${name}: ${why}` : `ok ${name} # ${(Date.now() - begun) / 1000} s`);
      failed += why ? 1 : 0;
      if (why && index === 0) break; // Nothing works without a login.
    }
    console.log(`1..${this.all.length}`);
    return failed > 0 ? 1 : 0;
  }
}

module.exports = { PATIENCE, SANDBOX, LIMITED, act, refusals, Person, option, bounded, soon, Checks };
