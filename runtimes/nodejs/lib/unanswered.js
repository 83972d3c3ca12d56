/* Events whose asynchronous handler has ended without an answer. */

'use strict';

const v8 = require('node:v8');
const vm = require('node:vm');

const SHARE = 20; // the time between collections, in what the last one took
const DELAY_MAX = 1000; // milliseconds

/**
 * A handler may still call back, from a timer or a stream that it started.  It
 * can't any more when nothing holds the event's context: then the answer is
 * empty.  Only the garbage collector knows, so it is run, but for no more than
 * a twentieth of the time.
 */
class Unanswered {
  constructor() {
    this.calls = new Set();
    this.timer = null;
    this.delay = 0;
    this.collect = null;
    this.registry = new FinalizationRegistry((call) => {
      this.calls.delete(call);
      call.callback(undefined);
    });
  }

  /** Nothing here holds context. */
  add(call, context) {
    this.calls.add(call);
    this.registry.register(context, call);
    this.schedule();
  }

  schedule() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.look();
    }, this.delay);
  }

  look() {
    for (const call of this.calls) {
      if (!call.open) {
        this.calls.delete(call);
      }
    }
    if (this.calls.size === 0) {
      this.delay = 0;
      return;
    }
    const start = performance.now();
    this.collect ??= collector();
    this.collect();
    const least = (performance.now() - start) * SHARE;
    this.delay = Math.max(least, Math.min(this.delay * 2, DELAY_MAX));
    this.schedule();
  }
}

/** A function that collects garbage; Node.js has none without this flag. */
function collector() {
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc');
}

module.exports = { Unanswered };
