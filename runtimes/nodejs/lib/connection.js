/* A connection of nginx: events in, bytes out. */

'use strict';

const net = require('node:net');
const { EVENT_LINE_MAX, ProtocolError, readEvent } = require('./protocol');

const LF = 10;
const PIECE = 65536; // bytes read at once; a reply up to this size is one piece
const EMPTY = Buffer.alloc(0);

/** What is read into: connections are read one after another. */
const space = Buffer.allocUnsafeSlow(PIECE);

class Connection {
  /**
   * accepted: the listening socket's net.Socket, not read yet.  server.serve()
   * gets each event (EventLine and Buffer), server.drop() is called at the end.
   */
  constructor(accepted, server) {
    this.server = server;
    this.busy = false; // an event is running
    this.stopped = false; // it is not read (Readers)
    this.pieces = []; // the beginning of a line
    this.line = null; // the EventLine whose body is not complete
    this.body = EMPTY;
    this.filled = 0; // bytes of the body
    this.buffer = space; // where the next bytes go; null: where the last went
    this.socket = reader(accepted, this);
    this.socket.on('error', () => {}); // "close" follows
    this.socket.on('close', () => server.drop(this));
  }

  /** No event has begun (PROTOCOL 2.3). */
  idle() {
    return !this.busy && this.pieces.length === 0 && this.line === null;
  }

  /** size bytes have come into buffer. */
  receive(size, buffer) {
    try {
      if (this.line === null) {
        this.receiveLine(buffer, size);
      } else {
        this.filled += size;
        this.finishBody();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof RangeError)) {
        throw error;
      }
      this.socket.destroy();
      this.server.drop(this, error);
    }
  }

  receiveLine(buffer, size) {
    if (this.busy) {
      throw new ProtocolError('an event before the last reply');
    }
    let end = buffer.indexOf(LF);
    if (end === -1 || end >= size) {
      this.keepPiece(buffer, size);
      return;
    }
    const start = end + 1;
    let bytes = buffer;
    if (this.pieces.length > 0) {
      this.keepPiece(buffer, start);
      bytes = Buffer.concat(this.pieces);
      end = bytes.length - 1;
      this.pieces = [];
    }
    const line = readEvent(bytes, end);
    const length = line.bodyLength ?? 0;
    const rest = size - start;
    if (rest > length) {
      throw new ProtocolError('bytes behind the event');
    }
    if (length === 0) {
      this.server.serve(this, line, EMPTY);
      return;
    }
    this.body = Buffer.allocUnsafeSlow(length);
    this.filled = buffer.copy(this.body, 0, start, size);
    this.line = line;
    this.finishBody();
  }

  keepPiece(buffer, size) {
    this.pieces.push(Buffer.from(buffer.subarray(0, size)));
    const sum = this.pieces.reduce((bytes, piece) => bytes + piece.length, 0);
    if (sum > EVENT_LINE_MAX) {
      throw new ProtocolError("the event's line is too long");
    }
  }

  finishBody() {
    const { line, body } = this;
    if (this.filled < body.length) {
      // without a copy from the socket to the handler
      this.buffer = body.subarray(this.filled);
      return;
    }
    this.line = null;
    this.body = EMPTY;
    this.buffer = space;
    this.server.serve(this, line, body);
  }

  /** Sends text of ASCII. */
  writeLine(line) {
    this.socket.write(line, 'latin1');
  }

  /** Sends line, ASCII, and body, a Buffer; a large body without a copy. */
  writePair(line, body) {
    const { socket } = this;
    if (body.length === 0) {
      socket.write(line, 'latin1');
    } else if (body.length <= PIECE) {
      const data = Buffer.allocUnsafe(line.length + body.length);
      data.latin1Write(line, 0);
      body.copy(data, line.length);
      socket.write(data);
    } else {
      socket.cork();
      socket.write(line, 'latin1');
      socket.write(body);
      socket.uncork();
    }
  }

  /** A promise that more can be written; rejected when nginx is gone. */
  async drained() {
    const { socket } = this;
    if (socket.writableNeedDrain) {
      await new Promise((resolve) => {
        socket.once('drain', resolve);
        socket.once('close', resolve);
      });
    }
    if (socket.destroyed) {
      throw new Error('nginx closed the connection');
    }
  }

  /** No more events; the last reply is sent yet. */
  close() {
    this.socket.destroySoon();
  }
}

/**
 * A Socket that reads into one buffer again and again, which saves a third of
 * what reading costs.  The server makes none: it is made of the handle here.
 */
function reader(accepted, connection) {
  const handle = accepted._handle;
  accepted._handle = null;
  const socket = new net.Socket({
    handle,
    onread: {
      buffer: () => {
        const { buffer } = connection;
        connection.buffer = null;
        return buffer;
      },
      callback: (size, buffer) => connection.receive(size, buffer),
    },
  });
  return socket;
}

module.exports = { Connection };
