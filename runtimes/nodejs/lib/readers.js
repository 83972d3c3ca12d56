/* Which connections are read: none when as many events run as may (PROTOCOL 4.4). */

'use strict';

/**
 * Most handlers have answered before the next connection could be read, and need
 * nothing of this.  To stop reading a connection and to begin again takes several
 * system calls: so few begin at a time, in turn, while it lasts.
 */
class Readers {
  /** full() says whether as many events run as may. */
  constructor(full) {
    this.full = full;
    this.connections = new Set();
    this.stopped = []; // connections that are not read, the next first
    this.looking = false;
    this.starting = false;
  }

  add(connection) {
    this.connections.add(connection);
    if (this.stopped.length > 0) {
      this.stop(connection);
    }
  }

  delete(connection) {
    this.connections.delete(connection);
  }

  /**
   * An event has begun.  Stops when it still runs after all that it can do at
   * once, yet before another connection is read.
   */
  began() {
    if (this.full() && !this.looking) {
      this.looking = true;
      queueMicrotask(() => process.nextTick(() => {
        this.looking = false;
        if (this.full()) {
          this.stopAll();
        }
      }));
    }
  }

  /** The event of connection has ended. */
  ended(connection) {
    if (this.stopped.length > 0) {
      this.stop(connection);
      this.start(1);
    }
  }

  stopAll() {
    const read = [];
    for (const connection of this.connections) {
      if (!connection.busy && !connection.stopped) {
        connection.stopped = true;
        connection.socket.pause();
        read.push(connection);
      }
    }
    this.stopped.unshift(...read); // it was their turn
  }

  stop(connection) {
    connection.stopped = true;
    connection.socket.pause();
    this.stopped.push(connection);
  }

  /** Reads so many connections again, and more when nothing came on these. */
  start(count) {
    for (const connection of this.stopped.splice(0, count)) {
      connection.stopped = false;
      connection.socket.resume();
    }
    if (this.stopped.length === 0 || this.starting) {
      return;
    }
    this.starting = true;
    // the first may come before sockets are looked at, the second not
    setImmediate(() => setImmediate(() => {
      this.starting = false;
      if (!this.full()) {
        this.start(count * 2);
      }
    }));
  }

  startAll() {
    this.start(this.stopped.length);
  }
}

module.exports = { Readers };
