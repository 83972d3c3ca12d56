/* What the process is told, PROTOCOL 1.2. */

'use strict';

class Settings {
  /** environ: process.env; the FN_* variables with their defaults. */
  constructor(environ) {
    if ((environ.FN_PROTOCOL || '1') !== '1') {
      throw new Error(`unknown protocol "${environ.FN_PROTOCOL}"`);
    }
    this.target = environ.FN_TARGET || '';
    this.entry = environ.FN_ENTRY || 'handler';
    this.name = environ.FN_NAME || '';
    this.slot = environ.FN_SLOT || '0';
    this.logLevel = environ.FN_LOG_LEVEL || 'info';
    this.concurrency = Number(environ.FN_CONCURRENCY || 1);
    this.lineMax = Number(environ.FN_LINE_MAX || 16384);
    this.call = environ.FN_CALL || '';
  }
}

module.exports = { Settings };
