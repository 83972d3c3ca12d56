/* What a handler threw, as the error reply names it (PROTOCOL 5.8). */

'use strict';

const { inspect } = require('node:util');
const { asText, attempt } = require('./protocol');

const OWN = __dirname.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
const FRAME = new RegExp(`^ +at .*(${OWN}/|node:internal/stream_base_commons)`);

/** {name, message, stack, status} of anything that was thrown. */
function describe(error) {
  if (!(error instanceof Error)) {
    const message = typeof error === 'object' && error !== null
      ? attempt(() => inspect(error)) : asText(error);
    return { name: typeof error, message, stack: '', status: statusOf(error) };
  }
  return {
    name: asText(attempt(() => error.constructor.name || error.name)),
    message: asText(attempt(() => error.message)),
    stack: attempt(() => stackOf(error)),
    status: statusOf(error),
  };
}

/** With causes and fields, without the runtime's own frames. */
function stackOf(error) {
  return inspect(error).split('\n')
    .filter((line) => !FRAME.test(line))
    .join('\n');
}

/** A status of 400 to 599 that the error carries, as status or statusCode. */
function statusOf(error) {
  const status = attempt(() => error.status ?? error.statusCode);
  return Number.isInteger(status) && status >= 400 && status <= 599
    ? status : undefined;
}

module.exports = { describe };
