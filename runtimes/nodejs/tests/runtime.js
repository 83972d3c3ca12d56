/* Starts the runtime as nginx does, and speaks the protocol with it. */

'use strict';

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { spawn } = require('node:child_process');

const ROOT = path.dirname(__dirname);
const ID = '0123456789abcdef0123456789abcdef';
const PATIENCE = 20000; // milliseconds

class Runtime {
  /** A process for source (text of a module) with suffix, and more environment. */
  static async start(source, environ = {}, suffix = '.js') {
    const runtime = new Runtime();
    runtime.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fn-nodejs-'));
    runtime.target = path.join(runtime.folder, `function${suffix}`);
    fs.writeFileSync(runtime.target, source);
    await runtime.spawn(environ);
    return runtime;
  }

  async spawn(environ) {
    const first = path.join(this.folder, 'listener');
    this.address = path.join(this.folder, 'socket');
    const listener = net.createServer().listen(first);
    await once(listener, 'listening');
    fs.renameSync(first, this.address); // closing the listener removes the first
    this.process = spawn(process.execPath, [ROOT], {
      env: {
        PATH: process.env.PATH,
        FN_PROTOCOL: '1',
        FN_NAME: 'test',
        FN_TARGET: this.target,
        ...environ,
      },
      stdio: ['ignore', 'pipe', 'pipe', listener._handle.fd, 'pipe'],
    });
    listener.close();
    this.ended = once(this.process, 'close');
    this.output = this.errors = '';
    this.process.stdout.on('data', (data) => (this.output += data));
    this.process.stderr.on('data', (data) => (this.errors += data));
    this.control = this.process.stdio[4];
    this.ready = String(await within(once(this.control, 'data')));
  }

  /** A connection of nginx. */
  async connect() {
    const socket = net.connect(this.address);
    await once(socket, 'connect');
    return new Client(socket);
  }

  /** The reply to one event on a connection of its own. */
  async ask(fields, body) {
    const client = await this.connect();
    const reply = await client.ask(fields, body);
    client.socket.destroy();
    return reply;
  }

  /** [exit status, signal] */
  status() {
    return within(this.ended);
  }

  async end() {
    this.process.kill('SIGKILL');
    await this.ended;
    fs.rmSync(this.folder, { recursive: true });
  }
}

class Client {
  constructor(socket) {
    this.socket = socket;
    this.data = Buffer.alloc(0);
    this.over = false;
    this.wake = () => {};
    socket.on('error', () => {});
    socket.on('data', (data) => {
      this.data = Buffer.concat([this.data, data]);
      this.wake();
    });
    socket.on('close', () => {
      this.over = true;
      this.wake();
    });
  }

  send(fields, body) {
    this.socket.write(event(fields, body));
  }

  ask(fields, body) {
    this.send(fields, body);
    return this.read();
  }

  /** One reply: its last line with logs, and data or chunks; null: it is closed. */
  async read() {
    const logs = [];
    for (;;) {
      const line = await this.line();
      if (line === null) {
        return null;
      }
      const message = JSON.parse(line);
      if (message.type === 'log') {
        logs.push(message);
        continue;
      }
      const data = String(await this.take(message.body_length ?? 0));
      return { ...message, logs, data, chunks: await this.chunks(message) };
    }
  }

  async chunks({ stream }) {
    const chunks = [];
    while (stream) {
      const part = JSON.parse(await this.line());
      if (part.type !== 'chunk') {
        return [...chunks, part];
      }
      chunks.push(String(await this.take(part.length)));
    }
    return chunks;
  }

  async line() {
    for (;;) {
      const end = this.data.indexOf(10);
      if (end !== -1) {
        return String(await this.take(end + 1));
      }
      if (this.over) {
        return null;
      }
      await this.more();
    }
  }

  async take(size) {
    while (this.data.length < size && !this.over) {
      await this.more();
    }
    const data = this.data.subarray(0, size);
    this.data = this.data.subarray(size);
    return data;
  }

  more() {
    return within(new Promise((resolve) => (this.wake = resolve)));
  }
}

/** The bytes of an event; what fields don't say is as nginx has it for "/". */
function event(fields = {}, body = '') {
  const head = {
    id: ID,
    method: 'GET',
    path: '/',
    headers: { Host: 'localhost' },
    timestamp: 1789000000.123,
    trigger: { kind: 'http', name: 'test' },
    ...fields,
  };
  if (body.length > 0) {
    head.body_length = Buffer.byteLength(body);
  }
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), Buffer.from(body)]);
}

function within(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came')), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

module.exports = { ID, ROOT, Runtime, event };
