/* Where nginx comes in: the listening socket and the control socket. */

'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { printRecord } = require('./logger');

const BACKLOG = 511;
const CONTROL = 4;

/** Descriptors 3 and 4 (PROTOCOL 1.1), or a socket of its own (1.3). */
class Door {
  constructor(address, managed) {
    this.address = address;
    this.managed = managed;
    this.stop = () => process.exit(0); // nothing has begun
    // connections are read by their own Socket, made of the handle
    this.server = net.createServer({ pauseOnConnect: true, noDelay: true });
  }

  static inherited() {
    return new Door({ fd: 3 }, true);
  }

  /** text: unix:PATH or HOST:PORT. */
  static opened(text) {
    if (text.startsWith('unix:')) {
      const file = text.slice(5);
      fs.rmSync(file, { force: true });
      return new Door({ path: file, backlog: BACKLOG }, false);
    }
    const colon = text.lastIndexOf(':');
    const host = text.slice(0, colon).replace(/^\[|\]$/g, '') || '0.0.0.0';
    const port = Number(text.slice(colon + 1));
    return new Door({ host, port, backlog: BACKLOG }, false);
  }

  /** Listens: server gets the connections, paused, and is told to stop. */
  async open(server) {
    this.server.on('connection', (socket) => server.accept(socket));
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.address, resolve);
    });
    this.server.removeAllListeners('error');
    this.server.on('error',
      (error) => printRecord('error', `accept() failed: ${error.message}`));
    this.stop = () => server.stop();
  }

  /** To nginx; started with --listen there is nobody to hear it. */
  say(line) {
    if (this.managed) {
      fs.writeSync(CONTROL, line);
    }
  }

  /** A thread reads the control socket: it ends a busy process, too (2.4). */
  watch() {
    if (!this.managed) {
      process.on('SIGTERM', () => this.stop());
      process.on('SIGINT', () => this.stop());
      return;
    }
    const { Worker } = require('node:worker_threads');
    const watcher = new Worker(path.join(__dirname, 'watcher.js'), {
      workerData: CONTROL,
      env: {},
      execArgv: [],
    });
    watcher.on('message', (word) => {
      if (word === 'end') {
        process.exit(0);
      }
      this.stop();
    });
    watcher.unref();
  }

  /** No new connections. */
  shut() {
    this.server.close();
  }
}

module.exports = { Door };
