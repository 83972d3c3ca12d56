/* One event in flight: from the handler's answer to the reply. */

'use strict';

const protocol = require('./protocol');
const { describe } = require('./failure');
const { Logger, printRecord, wanted } = require('./logger');
const { TEXT_HEAD, isStream, render } = require('./response');
const { stream } = require('./stream');

const PIECE = 65536; // characters of a text that is sent in one piece with its line

class Call {
  /** start: performance.now() before the handler is called. */
  constructor(server, connection, line, start) {
    this.server = server;
    this.connection = connection;
    this.id = line.id;
    this.level = line.logLevel ?? server.settings.logLevel;
    this.start = start;
    this.open = true; // its reply is not complete
    this.answered = false; // the first answer wins
    this.returned = false; // until then an answer is held: logs come before it
    this.held = undefined;
    this.lines = null; // Map of Output to a line without an end
    this._logger = null;
  }

  get logger() {
    return (this._logger ??= new Logger(this.level, this));
  }

  /** Calls the handler; the answer may come now or later. */
  run(handler, context, event) {
    let result;
    try {
      result = handler(context, event);
      if (typeof result?.then === 'function') {
        this.settle(Promise.resolve(result), context);
        result = undefined;
      }
    } catch (error) {
      this.return();
      this.fail(error);
      return;
    }
    this.return();
    if (result !== undefined) {
      this.callback(result);
    }
  }

  /** The handler has returned: what it gave to callback() is sent. */
  return() {
    this.returned = true;
    if (this.answered) {
      this.reply(this.held);
    }
  }

  /** What the promise of a handler comes to. */
  settle(promise, context) {
    promise.then((result) => {
      if (result !== undefined) {
        this.callback(result);
      } else if (!this.answered) {
        this.server.unanswered.add(this, context);
      }
    }, (error) => this.fail(error));
  }

  /** context.callback() */
  callback(answer) {
    if (this.answered) {
      return;
    }
    this.answered = true;
    if (this.returned) {
      this.reply(answer);
    } else {
      this.held = answer;
    }
  }

  /** The handler failed; what fails after the answer can only be logged. */
  fail(error) {
    if (this.answered) {
      const { stack, message } = describe(error);
      printRecord('error', `error after the answer: ${stack || message}`);
      return;
    }
    this.answered = true;
    this.replyError(error);
  }

  reply(answer) {
    const duration = this.duration();
    let line;
    let body;
    try {
      if (typeof answer === 'string' && answer.length < PIECE) {
        this.replyText(answer, duration);
        return;
      }
      ({ line, body } = this.rendered(answer, duration));
    } catch (error) {
      this.replyError(error);
      return;
    }
    if (isStream(body)) {
      void stream(this, line, body);
      return;
    }
    this.flush();
    this.connection.writePair(line, body);
    this.finish();
  }

  /** The usual case: a text, with its line in one piece. */
  replyText(text, duration) {
    const length = Buffer.byteLength(text);
    const line = protocol.responseLine(
      this.id, TEXT_HEAD, `"body_length":${length}`, duration);
    this.flush();
    this.connection.socket.write(
      line + text, length === text.length ? 'latin1' : 'utf8');
    this.finish();
  }

  /** {line, body}: body is a Buffer or a stream. */
  rendered(answer, duration) {
    let { head, body } = render(answer);
    if (typeof body === 'string') {
      body = Buffer.from(body);
    }
    const length = isStream(body) ? '"stream":true' : `"body_length":${body.length}`;
    const line = protocol.responseLine(this.id, head, length, duration);
    const { lineMax } = this.server.settings;
    if (line.length > lineMax) {
      throw new RangeError(`the response's headers need more than ${lineMax} bytes`);
    }
    return { line, body };
  }

  replyError(error) {
    const duration = this.duration();
    const line = protocol.errorLine(
      this.id, describe(error), duration, this.server.settings.lineMax);
    this.flush();
    this.connection.socket.write(line);
    this.finish();
  }

  /** Microseconds since the handler was called. */
  duration() {
    return Math.floor((performance.now() - this.start) * 1000);
  }

  /** The reply is complete. */
  finish() {
    this.open = false;
    this.server.finished(this);
  }

  // Records

  /** A record of the event; false when it is too late for one. */
  sendLog(level, message, fields) {
    if (!this.open || this.connection.socket.destroyed) {
      return false;
    }
    if (wanted(level, this.level)) {
      this.connection.socket.write(protocol.logLine(
        level, message, fields, this.server.settings.lineMax));
    }
    return true;
  }

  /** Takes what an Output kept of a line. */
  unfinished(output) {
    return this.lines?.get(output) ?? '';
  }

  keep(output, rest) {
    if (rest !== '' || this.lines !== null) {
      this.lines ??= new Map();
      this.lines.set(output, rest);
    }
  }

  /** Sends the lines that have no end, before what ends the reply. */
  flush() {
    if (this.lines === null) {
      return;
    }
    for (const [output, rest] of this.lines) {
      if (rest !== '') {
        output.record(this, rest);
      }
    }
    this.lines = null;
  }
}

module.exports = { Call };
