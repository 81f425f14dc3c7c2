// The server: script actions, and the socket that tells which channels have changed. All addresses are relative: the key of
// the sandbox's start stands in front of them.

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
    response = await fetch(`sandbox/${action}`, {
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

/** Whether this address was that of an earlier start: a sandbox answers, and does not know its key. */
async function outdated() {
  const answer = await fetch('favicon.svg', { cache: 'no-store' }).catch(() => undefined);
  return answer?.status === 403;
}

/**
 * Keeps a socket open: `news` gets what changed, `away` is called when the server has gone, until it is back, and `moved` when
 * another start has taken its place, which this page cannot reach.
 */
export function listen({ news, away, moved }) {
  let wait = FIRST_WAIT_MS;
  const open = () => {
    const live = new URL('sandbox/live', location.href);
    live.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    live.hash = '';
    const socket = new WebSocket(live);
    socket.onmessage = (event) => {
      wait = FIRST_WAIT_MS;
      news(JSON.parse(event.data));
    };
    socket.onclose = async () => {
      away();
      if (await outdated()) {
        moved();
        return;
      }
      // Spread, so that many open pages do not come back in the same moment.
      setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LAST_WAIT_MS);
    };
  };
  open();
}
