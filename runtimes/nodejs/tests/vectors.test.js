/* The event cases of ../../vectors, through the code that reads from a socket. */

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { once } = require('node:events');

const { Connection } = require('../lib/connection');
const { ROOT } = require('./runtime');

const VECTORS = path.join(path.dirname(ROOT), 'vectors');
const DEFAULTS = {
  query: '',
  headers: {},
  timestamp: 0,
  remote_addr: '',
  trigger: { kind: 'http', name: '' },
  start_by: 0,
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fn-nodejs-'));
const server = net.createServer({ pauseOnConnect: true });

before(async () => {
  server.listen(path.join(folder, 'socket'));
  await once(server, 'listening');
});

after(() => {
  server.close();
  fs.rmSync(folder, { recursive: true });
});

function cases() {
  return fs.readdirSync(VECTORS, { withFileTypes: true })
    .filter((group) => group.isDirectory())
    .flatMap(({ name }) => fs.readdirSync(path.join(VECTORS, name))
      .map((one) => path.join(name, one)))
    .filter((name) => fs.existsSync(path.join(VECTORS, name, 'event')))
    .sort();
}

/** What a runtime sees of data, sent in pieces: expect's form. */
async function seen(data, piece) {
  const client = net.connect(server.address());
  const [accepted] = await once(server, 'connection');
  const result = await new Promise((resolve) => {
    const connection = new Connection(accepted, {
      serve: (_, line, body) => resolve(expectForm(line, body)),
      drop: (_, error) => resolve(error === undefined
        ? { incomplete: true } : { invalid: true }),
    });
    void feed(client, connection, data, piece);
  });
  client.destroy();
  return result;
}

/** Sends each piece when the last was received. */
async function feed(client, connection, data, piece) {
  let received = 0;
  let wake = () => {};
  const receive = connection.receive;
  connection.receive = (size, buffer) => {
    received += size;
    receive.call(connection, size, buffer);
    wake();
  };
  client.on('error', () => {});
  for (let start = 0; start < data.length; start += piece) {
    const end = Math.min(start + piece, data.length);
    client.write(data.subarray(start, end));
    while (received < end && !connection.socket.destroyed) {
      await new Promise((resolve) => (wake = resolve));
    }
  }
  client.end();
}

function expectForm(line, body) {
  const all = { ...DEFAULTS, ...line.fields };
  const wanted = ['id', 'method', 'path', ...Object.keys(DEFAULTS)];
  assert.equal(line.id, all.id);
  assert.equal(line.method, all.method);
  assert.equal(line.startBy ?? 0, all.start_by);
  return {
    ...Object.fromEntries(wanted.map((name) => [name, all[name]])),
    ...(line.logLevel === undefined ? {} : { log_level: line.logLevel }),
    body: body.toString('latin1'),
  };
}

async function check(pieceOf) {
  for (const name of cases()) {
    const data = fs.readFileSync(path.join(VECTORS, name, 'event'));
    const expect = JSON.parse(fs.readFileSync(path.join(VECTORS, name, 'expect')));
    assert.deepEqual(await seen(data, pieceOf(data)), expect, name);
  }
}

test('there are event vectors', () => assert.ok(cases().length > 20));

test('event vectors, whole', () => check(() => 65536));

test('event vectors, each byte', () => check((data) => (data.length < 4096 ? 1 : 1009)));

test('event vectors, halves', () => check((data) => (data.length >> 1) + 1));
