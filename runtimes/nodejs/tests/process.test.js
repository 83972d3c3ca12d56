/* What the conformance suite does not see of a running process. */

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { Runtime } = require('./runtime');

/** A test of one process; source is what "handler" is, or a whole module. */
function trial(name, source, run, environ, suffix) {
  test(name, async () => {
    const module = /\bexports?\b/.test(source) ? source : `exports.handler = ${source};`;
    const runtime = await Runtime.start(module, environ, suffix);
    try {
      await run(runtime);
    } finally {
      await runtime.end();
    }
  });
}

const isReady = ({ ready }) => assert.match(ready, /^\{"type":"ready","protocol":1\}\n$/);

// Answers

/** A trial of what a handler answers: expect is a part of the reply. */
function answers(name, source, expect) {
  trial(name, source, async (runtime) => {
    const reply = await runtime.ask();
    for (const [key, value] of Object.entries(expect)) {
      assert.deepEqual(reply[key], value, key);
    }
  });
}

const JSON_HEADERS = { 'Content-Type': 'application/json' };

answers('a lone surrogate', `() => 'a\\ud800b'`, { data: 'a\ufffdb', body_length: 5 });
answers('a list of two numbers', '() => [1, 2]', { data: '[1,2]', headers: JSON_HEADERS });
answers('a status and a list', '() => [201, [1]]', { status: 201, data: '[1]' });
answers('a status and a Response', `(c) => [202, new c.Response('x')]`,
  { status: 202, data: 'x' });
answers('a status that is none', `() => [999, 'x']`, { error: 'RangeError' });
answers('a body of base64', `(c) => new c.Response('YQ==', null, 'a/b', 200, 'base64')`,
  { data: 'a', headers: { 'Content-Type': 'a/b' } });
answers('an ArrayBuffer', '() => Uint8Array.of(97, 98).buffer', { data: 'ab' });
answers('a function', '() => () => 1', { error: 'TypeError' });
answers('a loop', '() => { const a = {}; a.a = a; return a; }', { error: 'TypeError' });
answers('callback() wins', `(c) => { c.callback('a'); c.callback('b'); return 'c'; }`,
  { data: 'a' });
answers('callback() of nothing, then an error',
  `(c) => { c.callback(); throw new Error('x'); }`, { type: 'response', data: '' });
answers('records after callback()',
  `({ callback, logger }) => { callback('a'); logger.info('b'); }`,
  { logs: [{ type: 'log', level: 'info', message: 'b' }] });
answers('a promise of nothing', 'async () => {}', { type: 'response', data: '' });
answers('callback() after a promise of nothing',
  `async (c) => { setTimeout(() => c.callback('late'), 300); }`, { data: 'late' });
answers('a thenable that throws', `() => ({ then() { throw new Error('x'); } })`,
  { error: 'Error', message: 'x' });
answers('an error that fails', `() => {
  throw Object.defineProperty(new Error('x'), 'message', { get() { throw 1; } });
}`, { type: 'error', message: '<number>' });
answers('null is thrown', '() => { throw null; }', { type: 'error', message: 'null' });
answers('values that JSON has not', `(c) => {
  c.logger.info('x', { n: 1n, i: 2 ** 63, f: NaN, b: Buffer.from('b'), d: new Date(0),
    s: Symbol('s'), u: undefined, ['a\\0']: 1, ['__proto__']: 2, get g() { throw 1; } });
  return '';
}`, {
  logs: [{
    type: 'log',
    level: 'info',
    message: 'x',
    with: JSON.parse(`{"n":"1","i":"9223372036854776000","f":"NaN","b":"b",
      "d":"1970-01-01T00:00:00.000Z","s":"Symbol(s)","u":"undefined","a\ufffd":1,
      "__proto__":2,"g":"<number>"}`),
  }],
});

// Streams

answers('a Readable', `() => require('node:stream').Readable.from(['a', 'b'])`,
  { chunks: ['a', 'b', { type: 'end' }] });
answers('a ReadableStream', `() => new Blob(['ab']).stream()`,
  { chunks: ['ab', { type: 'end' }] });
answers('a generator in a Response', `(c) => new c.Response(
  (function* () { yield 'a'; yield Buffer.from('b'); })(), null, 'a/b')`,
{ chunks: ['a', 'b', { type: 'end' }], headers: { 'Content-Type': 'a/b' } });
answers('an empty stream', 'async function* () {}', { chunks: [{ type: 'end' }] });
answers('an error before the first chunk', `async function* () { throw new Error('x'); }`,
  { type: 'error', message: 'x' });
answers('a chunk that is none', `async function* () { yield 'a'; yield 1; }`,
  { type: 'response' });

trial('a stream waits for its reader, and ends when that is gone', `
  let count = 0;
  let ended = false;
  const piece = Buffer.alloc(65536);
  exports.handler = async function* (context, event) {
    if (event.path === '/count') {
      yield JSON.stringify({ count, ended });
      return;
    }
    try {
      for (;;) {
        count++;
        yield piece;
      }
    } finally {
      ended = true;
    }
  };`, async (runtime) => {
  const slow = await runtime.connect();
  slow.socket.pause();
  slow.send();
  await new Promise((resolve) => setTimeout(resolve, 300));
  slow.socket.destroy();
  const { chunks } = await runtime.ask({ path: '/count' });
  const { count, ended } = JSON.parse(chunks[0]);
  assert.ok(count < 100, `${count} chunks`);
  assert.ok(ended);
});

// Bodies

for (const size of [65535, 65536, 3000000]) {
  trial(`bodies of ${size} bytes`, '(context, event) => event.body', async (runtime) => {
    const body = 'abcdefghijk'.repeat(size / 11 + 1).slice(0, size);
    const client = await runtime.connect();
    for (let i = 0; i < 3; i++) {
      const { data } = await client.ask({ method: 'POST' }, body);
      assert.ok(data === body);
    }
  });
}

answers('a large text', `() => '\u00e9'.repeat(100000)`, { body_length: 200000 });

// The context

trial('a late callback answers no other event', `(context, event) => {
  setTimeout(() => context.callback(event.path), 30);
  return event.path === '/first' ? 'first' : undefined;
}`, async (runtime) => {
  assert.equal((await runtime.ask({ path: '/first' })).data, 'first');
  assert.equal((await runtime.ask({ path: '/second' })).data, '/second');
});

trial('what is set on the context stays', `(context) => {
  context.count = (context.count ?? 0) + 1;
  context.userData.count = context.count;
  context.userData = { ...context.userData };
  return [context.count, context.user_data.count, 'x'];
}`, async (runtime) => {
  await runtime.ask();
  assert.equal((await runtime.ask()).data, '[2,2,"x"]');
});

trial('events at the same time print records of their own', `
  const { setTimeout: sleep } = require('node:timers/promises');
  exports.handler = async (context, event) => {
    for (let i = 0; i < 3; i++) {
      console.log(event.path);
      await sleep(2);
    }
    process.stdout.write('no end');
    return 'x';
  };`, async (runtime) => {
  const replies = await Promise.all(
    [1, 2, 3, 4].map((i) => runtime.ask({ path: `/${i}` })));
  replies.forEach(({ logs }, i) => assert.deepEqual(
    logs.map(({ message }) => message),
    [`/${i + 1}`, `/${i + 1}`, `/${i + 1}`, 'no end']));
}, { FN_CONCURRENCY: '4' });

trial('the level of an event', `({ logger }) => {
  logger.debug('d');
  logger.error('e');
  console.log('out');
  return '';
}`, async (runtime) => {
  const levels = async (fields) =>
    (await runtime.ask(fields)).logs.map(({ message }) => message).join();
  assert.equal(await levels(), 'e,out');
  assert.equal(await levels({ log_level: 'debug' }), 'd,e,out');
  assert.equal(await levels({ log_level: 'error' }), 'e');
});

// Modules

const says = (what) => async (runtime) => {
  isReady(runtime);
  assert.equal((await runtime.ask()).data, what);
};

trial('an ES module', `export const initContext = async (context) => {
    context.userData.text = 'init';
  };
  export const handler = (context) => context.userData.text;`, says('init'), {}, '.mjs');
trial('an ES module that waits', `const text = await Promise.resolve('waited');
  export default { deep: { handler: () => text } };`, says('waited'),
{ FN_ENTRY: 'deep.handler' }, '.mjs');
trial('CommonJS', `exports.main = () => 'cjs';`, says('cjs'), { FN_ENTRY: 'main' }, '.cjs');
trial('a method', `class A { x = 'self'; handler() { return this.x; } }
  exports.a = new A();`, says('self'), { FN_ENTRY: 'a.handler' });
trial('a late export', `setTimeout(() => { exports.handler = () => 'late'; }, 200);`,
  says('late'));
trial('init_context', `exports.init_context = (c) => { c.text = 'old'; };
  exports.handler = ({ text }) => text;`, says('old'));

test('a directory is its index.js, or handler.js', async () => {
  for (const name of ['index.js', 'handler.js']) {
    const runtime = await Runtime.start(`exports.handler = () => '${name}';`, {});
    const folder = path.join(runtime.folder, 'function');
    fs.mkdirSync(folder);
    fs.renameSync(runtime.target, path.join(folder, name));
    runtime.process.kill();
    await runtime.status();
    runtime.target = folder;
    fs.unlinkSync(runtime.address);
    await runtime.spawn({});
    await says(name)(runtime);
    await runtime.end();
  }
});

function refuses(name, source, pattern) {
  trial(name, source, async (runtime) => {
    const { type, message } = JSON.parse(runtime.ready);
    assert.equal(type, 'error');
    assert.match(message, pattern);
    assert.deepEqual(await runtime.status(), [1, null]);
    assert.match(runtime.errors, pattern);
  });
}

refuses('an export that is no function', 'exports.handler = 1;', /no function/);
refuses('an error while it is loaded', `throw new Error('not today'); exports;`, /not today/);
refuses('an error of initContext', `exports.handler = () => 1;
  exports.initContext = async () => { throw new Error('no init'); };`, /no init/);
refuses('an error of a timer while it waits',
  `exports.x = setTimeout(() => { throw new Error('tick'); }, 20);`, /tick/);

// The end

trial('a rejection that nobody handles', `async () => {
  Promise.reject(new Error('floating'));
  await new Promise(() => {});
}`, async (runtime) => {
  const { error, message, stack } = await runtime.ask();
  assert.deepEqual([error, message], ['Error', 'floating']);
  assert.match(stack, /function\.js/);
  assert.deepEqual(await runtime.status(), [1, null]);
  assert.match(runtime.errors, /^uncaught error in nodejs function "test": Error: floating\n/);
});

trial('a handler of the user for what nobody handles', `
  process.on('uncaughtException', () => {});
  exports.handler = () => { setTimeout(() => { throw 1; }, 1); return 'x'; };`,
async (runtime) => {
  await runtime.ask();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal((await runtime.ask()).data, 'x');
});

trial('0, 1 and 2 are closed', `
  const fs = require('node:fs');
  exports.handler = () => {
    for (const fd of [0, 1, 2]) {
      fs.close(fd, () => {});
    }
    fs.writeSync(1, 'on one');
    console.log('record');
    return 'x';
  };`, async (runtime) => {
  for (let i = 0; i < 3; i++) {
    const { data, logs } = await runtime.ask();
    assert.deepEqual([data, logs.length], ['x', 1]);
  }
});

trial('it stops after the event in flight', `(c) => setTimeout(c.callback, 100, 'x') && undefined`,
  async (runtime) => {
    const idle = await runtime.connect();
    const busy = await runtime.connect();
    busy.send();
    await new Promise((resolve) => setTimeout(resolve, 30));
    runtime.control.write('{"type":"stop"}\n');
    assert.equal(await idle.read(), null);
    assert.equal((await busy.read()).data, 'x');
    assert.deepEqual(await runtime.status(), [0, null]);
  });

trial('nginx is gone while the handler spins', '() => { for (;;); }', async (runtime) => {
  const client = await runtime.connect();
  client.send();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const start = Date.now();
  runtime.control.destroy();
  await runtime.status();
  assert.ok(Date.now() - start < 1000);
});
