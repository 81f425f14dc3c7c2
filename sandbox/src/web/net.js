// The server: script actions, and the socket that tells which channels have changed.

/** An action that was refused, with the field that is to blame. */
export class Refused extends Error {
  constructor(text, field, status) {
    super(text);
    this.field = field;
    this.status = status;
  }
}

/** Asks for a script action; throws `Refused` with the server's words. */
export async function act(action, body = {}) {
  let response;
  try {
    response = await fetch(`/sandbox/${action}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
  } catch {
    throw new Refused('The sandbox cannot be reached.', null, 0);
  }
  const answer = await response.json().catch(() => ({ error: `The sandbox answered ${response.status}.` }));
  if (!response.ok) throw new Refused(answer.error, answer.field, response.status);
  return answer;
}

const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 5000;

/** Keeps a socket open: `news` gets what changed, `away` is called when the server has gone, until it is back. */
export function listen({ news, away }) {
  let wait = FIRST_WAIT_MS;
  const open = () => {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/sandbox/live`);
    socket.onmessage = (event) => {
      wait = FIRST_WAIT_MS;
      news(JSON.parse(event.data));
    };
    socket.onclose = () => {
      away();
      // Spread, so that many open pages do not come back in the same moment.
      setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LAST_WAIT_MS);
    };
  };
  open();
}
