/*
 * The thread that reads the control socket (PROTOCOL 2): a handler that never
 * lets go of the main thread would keep the process from ending with nginx.
 */

'use strict';

const { parentPort, workerData } = require('node:worker_threads');
const net = require('node:net');

const GRACE = 100; // milliseconds

const control = new net.Socket({ fd: workerData, readable: true, writable: false });
let line = '';

control.setEncoding('latin1');

control.on('data', (data) => {
  const lines = (line + data).split('\n');
  line = lines.pop();
  for (const one of lines) {
    command(one);
  }
});

control.on('end', end);
control.on('error', end);

function command(text) {
  try {
    if (JSON.parse(text).type === 'stop') {
      parentPort.postMessage('stop');
      return;
    }
  } catch {
    // said below
  }
  process.stderr.write(`error unknown control line "${text.slice(0, 80)}"\n`);
}

/** nginx is gone (2.4): the main thread ends the process, or can't. */
function end() {
  parentPort.postMessage('end');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE);
}
