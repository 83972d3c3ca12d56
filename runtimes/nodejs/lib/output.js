/* What user code prints: records of the event in which it is printed. */

'use strict';

const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const PIECE = 1024; // bytes of a record: nginx shows no more than 1800
const WRITE_TRIES = 100; // a millisecond apart, when the pipe is full
const LINE_MAX = 4 * PIECE; // characters of a line without an end that are kept

/**
 * process.stdout or process.stderr; outside of events it writes as ever.
 * Output.current() gives the running event's call, or null.
 */
class Output {
  static current = () => null;

  /** Puts itself before both streams, and keeps descriptors 0 to 2 in use. */
  static install() {
    new Output(process.stdout, 'info');
    new Output(process.stderr, 'error');
    keepOpen();
  }

  /** A line on descriptor 2, at once; for what belongs to no event. */
  static writeError(text) {
    let data = Buffer.from(`${text}\n`);
    for (let tries = 0; data.length > 0 && tries < WRITE_TRIES; tries++) {
      try {
        data = data.subarray(fs.writeSync(2, data));
      } catch (error) {
        if (error.code !== 'EAGAIN') {
          return; // nobody reads it
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
  }

  constructor(stream, level) {
    this.level = level;
    this.write = stream.write.bind(stream);
    stream.write = (chunk, encoding, done) => {
      const call = Output.current();
      if (call === null || !call.open) {
        return this.write(chunk, encoding, done);
      }
      if (typeof encoding === 'function') {
        [encoding, done] = [undefined, encoding];
      }
      this.take(call, textOf(chunk, encoding));
      if (typeof done === 'function') {
        process.nextTick(done);
      }
      return true;
    };
  }

  /** Sends the lines of text, and keeps what has no end yet. */
  take(call, text) {
    const lines = (call.unfinished(this) + text).split('\n');
    let rest = lines.pop();
    if (rest.length > LINE_MAX) {
      lines.push(rest);
      rest = '';
    }
    call.keep(this, rest);
    for (const line of lines) {
      this.record(call, line);
    }
  }

  record(call, line) {
    line = line.endsWith('\r') ? line.slice(0, -1) : line;
    const size = Buffer.byteLength(line) === line.length ? PIECE : PIECE / 4;
    let start = 0;
    do {
      call.sendLog(this.level, line.slice(start, start + size));
      start += size;
    } while (start < line.length);
  }
}

function textOf(chunk, encoding) {
  if (typeof chunk === 'string') {
    return encoding === undefined || /^utf-?8$/i.test(encoding)
      ? chunk : Buffer.from(chunk, encoding).toString();
  }
  if (ArrayBuffer.isView(chunk)) {
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString();
  }
  throw new TypeError('write() needs a string or a Buffer');
}

/**
 * A connection must not get descriptor 0, 1 or 2, where user code may write
 * yet: in the place of one that it closes comes /dev/null.
 */
function keepOpen() {
  const { close, closeSync } = fs;

  fs.closeSync = (fd) => {
    closeSync(fd);
    if (fd <= 2) {
      fs.openSync('/dev/null', 'r+'); // takes the lowest free descriptor
    }
  };

  fs.close = (fd, done) => {
    if (!(fd <= 2)) {
      close(fd, done);
      return;
    }
    let failure = null;
    try {
      fs.closeSync(fd);
    } catch (error) {
      failure = error;
    }
    process.nextTick(() => done?.(failure));
  };

  syncBuiltinESMExports();
}

module.exports = { Output };
