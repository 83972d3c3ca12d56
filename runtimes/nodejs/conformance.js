// The handler of ../conformance/README: what each name does.

'use strict';

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGPIPE'];

let count = 0;

exports.initContext = async (context) => {
  if (process.env.CONFORMANCE_INIT === 'fail') {
    throw new Error('init failed');
  }
  if (process.env.CONFORMANCE_INIT === 'slow') {
    await sleep(500);
  }
  context.userData.text = 'from init';
  context.logger.info('init context');
};

exports.handler = (context, event) => {
  const name = process.env.CONFORMANCE || event.path.split('/').pop();
  if (!Object.hasOwn(cases, name)) {
    return [404, `no case "${name}"\n`];
  }
  return cases[name](context, event);
};

const skip = (reason) => () => [501, reason];

const answer = (...args) => (context) => context.callback(...args);

const response = (...args) => (context) => new context.Response(...args);

const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const object = { a: 1, b: '\u00e9' };
const list = [1, 'two', null, { three: 3 }];

class ConflictError extends Error {
  status = 409;
}

class ConformanceError extends Error {}

const events = {
  event(context, event) {
    const names = ['id', 'method', 'path', 'url', 'content_type', 'type',
      'type_version', 'version', 'topic', 'headers', 'fields', 'size', 'shard_id',
      'num_shards', 'offset', 'timestamp', 'trigger', 'body'];
    const values = Object.fromEntries(names.map((name) => [name, event[name]]));
    const types = Object.fromEntries(names.map((name) => [name, kind(event[name])]));
    return {
      ...values,
      timestamp: event.timestamp.getTime(),
      body: event.body.toString('base64'),
      types,
    };
  },
  echo: (context, event) => new context.Response(
    event.body, null, event.content_type || undefined),
  header: (context, event) => event.getHeader(event.fields.name) ?? '',
};

function kind(value) {
  if (Buffer.isBuffer(value)) {
    return 'bytes';
  }
  if (value instanceof Date) {
    return 'time';
  }
  return { string: 'text', number: 'integer' }[typeof value] ?? 'object';
}

const answers = {
  text: answer('text \u00e9\n'),
  bytes: answer(bytes),
  empty_text: answer(''),
  empty_bytes: answer(Buffer.alloc(0)),
  nothing: answer(undefined),
  object: answer(object),
  list: answer(list),
  number: answer(42),
  true: answer(true),
  float: answer(1.5),
  status_text: answer([201, 'text \u00e9\n']),
  status_bytes: answer([201, bytes]),
  status_object: answer([201, object]),
  status_nothing: answer([201, undefined]),
  response: response('response body', { h1: 'v1', h2: 'v2' }, 'text/x-conformance', 201),
  response_bytes: response(bytes, null, 'text/x-conformance'),
  response_object: response(object, null, 'text/x-conformance'),
  response_list: response(list, null, 'text/x-conformance'),
  response_default: response(),
  response_204: response(null, null, undefined, 204),
  headers: response('', { One: 1, Many: ['a', 'b'], Utf: '\u00e9', Number: 7 }),
  set_cookie: response('', { 'Set-Cookie': ['a=1', 'b=2'] }),
  managed: response('managed', {
    Connection: 'close',
    'Content-Length': 999,
    Server: 'x',
    'Transfer-Encoding': 'chunked',
    'X-Accel-Redirect': '/x',
  }),
  echo_headers: (context, event) => new context.Response('', event.headers),
  header_type: response('', { 'Content-Type': 'text/html' }),
  large: (context, event) => 'x'.repeat(Number(event.fields.size)),
  async *stream(context, event) {
    for (let i = 0; i < Number(event.fields.count); i++) {
      yield `piece ${i}\n`;
    }
  },
  async *stream_error() {
    yield 'first\n';
    await sleep(1);
    throw new ConformanceError('late error');
  },
};

const nonsense = {
  bad_status: response('', null, undefined, 1000),
  bad_status_low: response('', null, undefined, 99),
  bad_status_text: response('', null, undefined, 'x'),
  bad_type: response('', null, 7),
  bad_type_line: response('', null, 'text/plain\r\nX: y'),
  bad_header_name: response('', { 'a b': 'c' }),
  bad_header_value: response('', { a: 'b\r\nc: d' }),
  many_headers: response('', { h: Array(101).fill('x') }),
  large_header: response('', { h: 'x'.repeat(9000) }),
  wide_headers: response('', { h: Array(4).fill('x'.repeat(8000)) }),
};

function raise(error) {
  throw error;
}

const failures = {
  raise: () => raise(new ConformanceError('some error')),
  raise_long: () => raise(new ConformanceError('x'.repeat(100000))),
  raise_odd: () => raise(new ConformanceError('\0\n\x1b\u{1f600}')),
  raise_status: () => raise(new ConflictError('some conflict')),
  raise_other: () => raise('thrown text'),
  raise_exit: () => process.exit(3),
  deep: () => deeper(1),
};

const deeper = (n) => deeper(n + 1) + 1;

const logs = {
  log({ logger }) {
    logger.debug('debug message');
    logger.info('info message');
    logger.warn('warn message');
    logger.error('error message');
    return 'logged';
  },
  log_with({ logger }) {
    logger.errorWith('message with', { source: 'rabbit', weight: 7 });
    return 'logged';
  },
  log_odd({ logger }) {
    const odd = '\n\x1b\0\u{1f600}';
    logger.infoWith(odd, { odd });
    return 'logged';
  },
  log_large({ logger }) {
    logger.infoWith('x'.repeat(100000), { value: 'x'.repeat(100000) });
    return 'logged';
  },
  log_deep({ logger }) {
    let deep = [];
    for (let i = 1; i < 100; i++) {
      deep = [deep];
    }
    logger.infoWith('deep', { deep });
    return 'logged';
  },
  print() {
    console.log('out one\nout two');
    console.error('err one');
    return 'printed';
  },
};

const state = {
  count: () => String(++count),
  user_data: (context) => context.userData.text,
  worker: (context) => context.workerId,
  context: (context) => ({
    worker_id: context.workerId,
    trigger_kind: context.trigger.kind,
    trigger_name: context.trigger.name,
    function_name: context.functionName,
  }),
};

const times = {
  sleep: (context, event) => {
    setTimeout(() => context.callback('slept'), Number(event.fields.ms));
  },
  hang: () => new Promise(() => {}),
  spin() {
    for (;;);
  },
  async: async () => {
    await sleep(10);
    return 'async';
  },
  async_raise: async () => {
    await sleep(10);
    throw new ConformanceError('async error');
  },
};

const disturbance = {
  async stdin() {
    let size = 0;
    for await (const piece of process.stdin) {
      size += piece.length;
    }
    return String(size);
  },
  write() {
    fs.writeSync(1, 'raw\n');
    fs.writeSync(2, '{"type":"x"}\n');
    return 'written';
  },
  close() {
    [0, 1, 2].forEach((fd) => fs.closeSync(fd));
    return 'closed';
  },
  // what Node.js gives a child as a pipe is a socket: the shell makes one
  descriptors: () => execFileSync('sh', ['-c', 'ls -l /proc/self/fd | cat'], {
    encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'],
  }),
  orphan() {
    const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    child.unref();
    return String(child.pid);
  },
  fork: skip('Node.js has no fork()'),
  signals() {
    SIGNALS.forEach((name) => process.on(name, () => {}));
    return 'ignored';
  },
  background() {
    setTimeout(() => raise(new ConformanceError('background error')), 50);
    return 'started';
  },
  exit: (context, event) => process.reallyExit(Number(event.fields.code)),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  memory() {
    const all = [];
    for (;;) {
      all.push(new Array(1 << 20).fill(all.length));
    }
  },
};

const calls = {
  async call(context, event) {
    const called = await context.platform.callFunction(event.fields.name, {
      method: 'POST',
      path: '/called/echo',
      headers: { 'X-Caller': 'conformance' },
      content_type: 'text/plain',
      body: 'called body',
    });
    return {
      status: called.status_code,
      body: called.body.toString(),
      content_type: called.content_type,
    };
  },
};

const cases = {
  ...events,
  ...answers,
  ...nonsense,
  ...failures,
  ...logs,
  ...state,
  ...times,
  ...disturbance,
  ...calls,
};
