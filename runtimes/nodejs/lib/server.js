/* Connections, and the events that run. */

'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const { Call } = require('./call');
const { Connection } = require('./connection');
const { Event } = require('./event');
const { Output } = require('./output');
const { Readers } = require('./readers');
const { Unanswered } = require('./unanswered');
const { describe } = require('./failure');
const { eventContext } = require('./context');
const { expiredLine } = require('./protocol');
const { printRecord } = require('./logger');

class Server {
  constructor(door, settings, context) {
    this.door = door;
    this.settings = settings;
    this.handler = undefined;
    this.EventContext = eventContext(context);
    this.running = 0; // events
    this.readers = new Readers(() => this.running >= settings.concurrency);
    this.stopping = false;
    this.unanswered = new Unanswered();
    this.epoch = monotonic() - performance.now();
    this.current = null; // the running call, when there can be only one
    // several at the same time: it costs each promise something
    this.storage = settings.concurrency > 1 ? new AsyncLocalStorage() : null;
    Output.current = () => this.currentCall();
  }

  /** The call to which what happens now belongs, or null. */
  currentCall() {
    return this.storage === null ? this.current : this.storage.getStore() ?? null;
  }

  /** A connection of nginx: the net.Socket of the listening one. */
  accept(socket) {
    this.readers.add(new Connection(socket, this));
  }

  drop(connection, error) {
    if (error !== undefined) {
      printRecord('error', `connection closed: ${error.message}`);
    }
    this.readers.delete(connection);
    this.leaveIfDone();
  }

  serve(connection, line, body) {
    const start = performance.now();
    if (line.startBy !== undefined
        && Math.floor(this.epoch + start) > line.startBy) {
      connection.writeLine(expiredLine(line.id));
      return;
    }
    connection.busy = true;
    this.running += 1;
    const call = new Call(this, connection, line, start);
    const context = new this.EventContext(call);
    const event = new Event(line, body);
    if (this.storage === null) {
      this.current = call;
      call.run(this.handler, context, event);
    } else {
      this.storage.run(call, () => call.run(this.handler, context, event));
    }
    if (call.open) {
      this.readers.began();
    }
  }

  /** The reply to call is complete. */
  finished(call) {
    const { connection } = call;
    this.running -= 1;
    connection.busy = false;
    if (this.current === call) {
      this.current = null;
    }
    if (this.stopping) {
      connection.close();
      this.leaveIfDone();
    } else {
      this.readers.ended(connection);
    }
  }

  // The end

  /** PROTOCOL 2.3 */
  stop() {
    if (this.stopping) {
      return;
    }
    this.stopping = true;
    this.door.shut();
    for (const connection of this.readers.connections) {
      if (connection.idle()) {
        connection.socket.destroy();
      }
    }
    this.readers.startAll(); // events whose beginning was read
    this.leaveIfDone();
  }

  leaveIfDone() {
    if (this.stopping && this.readers.connections.size === 0) {
      process.exit(0);
    }
  }

  /** An error that no handler caught: the event gets it, the process ends. */
  die(error) {
    if (process.listenerCount('uncaughtException') > 1) {
      return; // user code takes care
    }
    const { name, stack, message } = describe(error);
    Output.writeError(`uncaught error in nodejs function "${this.settings.name}": `
      + (stack || `${name}: ${message}`));
    const call = this.currentCall();
    if (call !== null && !call.answered) {
      call.fail(error);
    }
    process.exit(1);
  }
}

/** CLOCK_MONOTONIC in milliseconds, with a fraction (PROTOCOL 4.3). */
function monotonic() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

module.exports = { Server };
