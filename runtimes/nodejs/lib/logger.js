/* Records of handlers: nuclio's logger, and where they go. */

'use strict';

const { Output } = require('./output');
const { asText, plain } = require('./protocol');

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 };

/** Whether records of level are worth sending where least is the least. */
function wanted(level, least) {
  return LEVELS[level] >= (LEVELS[least] ?? LEVELS.info);
}

/**
 * nuclio's logger.  Its records belong to call, the event in flight, as long as
 * that is not answered; later, and without one, they go to standard error.
 * fields are an object whose values may be anything.
 */
class Logger {
  constructor(level, call = null) {
    this._level = level;
    this._call = call;
  }

  debug(message, fields) {
    this._log('debug', message, fields);
  }

  info(message, fields) {
    this._log('info', message, fields);
  }

  warn(message, fields) {
    this._log('warn', message, fields);
  }

  error(message, fields) {
    this._log('error', message, fields);
  }

  debugWith(message, fields) {
    this._log('debug', message, fields);
  }

  infoWith(message, fields) {
    this._log('info', message, fields);
  }

  warnWith(message, fields) {
    this._log('warn', message, fields);
  }

  errorWith(message, fields) {
    this._log('error', message, fields);
  }

  _log(level, message, fields) {
    if (!wanted(level, this._level)) {
      return;
    }
    message = asText(message);
    if (typeof fields !== 'object' || fields === null) {
      fields = fields === undefined ? undefined : { value: fields };
    }
    if (this._call === null || !this._call.sendLog(level, message, fields)) {
      printRecord(level, message, fields);
    }
  }
}

/** A record outside of any event: one line on standard error. */
function printRecord(level, message, fields) {
  const json = fields === undefined
    ? '' : ` ${JSON.stringify(plain(fields, 32, 16384))}`;
  Output.writeError(`${level} ${message}${json}`.replaceAll('\n', '\\n'));
}

module.exports = { Logger, printRecord, wanted };
