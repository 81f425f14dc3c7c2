"""What the Python scripts share: the person at the other end, the list of checks, and how they are reported.

It knows no client library. A script gives it coroutines that assert; it runs them one after the other, prints one
line for each, and counts every warning that the library writes as a failure of the check it was written in.
"""

import asyncio
import json
import logging
import os
import re
import sys
import time
import traceback
import urllib.error
import urllib.request

# The bound of every wait, in seconds.
PATIENCE = 20
# What a library writes, below a warning, when an answer is not as it knows Discord's to be.
SUSPICIOUS = re.compile(r'discarding|unknown|unrecogni[sz]ed|unhandled|unmarshall', re.IGNORECASE)

# A sandbox whose rate limits are off, and one whose limits are on.
SANDBOX = os.environ['SANDBOX']
LIMITED = os.environ['SANDBOX_LIMITED']
HOST = SANDBOX.removeprefix('http://')
API = f'{SANDBOX}/api/v10'
GATEWAY = f'ws://{HOST}/gateway'


class Refused(Exception):
    """The sandbox did not carry out an action."""


def _post(action, body, sandbox=SANDBOX):
    request = urllib.request.Request(
        f'{sandbox}/sandbox/{action}',
        data=json.dumps(body).encode(),
        headers={'Content-Type': 'application/json'},
        method='POST',
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        raise Refused(f'{action} {body}: {error.code} {error.read().decode()}') from None
    if action == 'traffic':
        return [json.loads(line) for line in text.splitlines()]
    return json.loads(text)


async def act(action, **body):
    """Does something as a person, or orders a fault."""
    return await asyncio.to_thread(_post, action, body)


async def act_limited(action, **body):
    """The same in the sandbox with rate limits."""
    return await asyncio.to_thread(_post, action, body, LIMITED)


async def refusals():
    """How many requests the sandbox with rate limits has refused."""
    return sum(exchange['status'] == 429 for exchange in await act_limited('traffic'))


class Person:
    """Someone in the guild who types, clicks and looks."""

    def __init__(self, user, defaults):
        self.id = int(user)
        self.place = {'guild_id': defaults['guild_id'], 'channel_id': defaults['channel_id'], 'user_id': user}

    async def do(self, action, **body):
        return await act(action, **{**self.place, **body})

    async def slash(self, name, options=(), **more):
        return await self.do('slash', name=name, options=list(options), **more)

    async def click(self, message, custom_id):
        return await self.do('click', message_id=str(message.id), custom_id=custom_id)

    async def select(self, message, custom_id, values):
        return await self.do('select', message_id=str(message.id), custom_id=custom_id, values=values)

    async def sees(self, message_id, channel_id=None):
        """The message as this person sees it, or None."""
        where = {'channel_id': str(channel_id)} if channel_id else {}
        view = await self.do('view', limit=100, **where)
        return next((m for m in view['messages'] if m['id'] == str(message_id) and not m['deleted']), None)


def option(name, kind, value):
    return {'name': name, 'type': kind, 'value': value}


class Noise(logging.Handler):
    """Collects what the library complains about."""

    def __init__(self):
        super().__init__(level=logging.DEBUG)
        self.lines = []

    def emit(self, record):
        template = str(record.msg)
        if record.levelno < logging.WARNING and not SUSPICIOUS.search(template):
            return
        line = f'{record.levelname} {record.name}: {record.getMessage()}'
        if record.exc_info:
            line += '\n' + ''.join(traceback.format_exception(*record.exc_info))
        self.lines.append(line)

    def take(self, expected):
        """Gives the lines since the last time, without those that were to be expected."""
        lines, self.lines = self.lines, []
        return [line for line in lines if not any(re.search(pattern, line) for pattern in expected)]


class Checks:
    """The checks of one script, in the order in which they were written."""

    def __init__(self):
        self.all = []
        self.noise = Noise()
        self.failed = 0
        logging.captureWarnings(True)
        root = logging.getLogger()
        root.setLevel(logging.DEBUG)
        root.addHandler(self.noise)

    def __call__(self, *expected):
        """Marks a coroutine function as a check; `expected` are patterns of warnings that belong to it."""

        def add(function):
            self.all.append((function, expected))
            return function

        return add

    async def run(self):
        only = os.environ.get('ONLY')
        for index, (function, expected) in enumerate(self.all):
            name = function.__name__.replace('_', ' ')
            if only and index > 0 and not re.search(only, function.__name__):
                continue
            begun = time.monotonic()
            why = await self._why_not(function, expected)
            if why is None:
                print(f'ok {name} # {time.monotonic() - begun:.2f} s', flush=True)
            else:
                self.failed += 1
                print(f'not ok {name}: {why}', flush=True)
                if index == 0:
                    break  # Nothing works without a login.
        print(f'1..{len(self.all)}', flush=True)
        return 1 if self.failed else 0

    async def _why_not(self, function, expected):
        try:
            await asyncio.wait_for(function(), PATIENCE * 2)
            await asyncio.sleep(0)
        except BaseException as error:  # A check that is cancelled by its own library has failed too.
            return ''.join(traceback.format_exception(error)).strip().replace('\n', '\n  ')
        lines = self.noise.take(expected)
        return f'the library complains: {lines}' if lines else None


async def soon(find, what):
    """Waits until `find` gives something."""
    until = time.monotonic() + PATIENCE
    while True:
        found = find()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < until, f'in {PATIENCE} s not: {what}'
        await asyncio.sleep(0.02)


def end(code):
    """Ends the process at once: a library's leftover threads must not hold it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
