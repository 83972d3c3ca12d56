/* What a handler is called with beside the event: nuclio's context. */

'use strict';

const { Logger } = require('./logger');
const { Platform } = require('./platform');
const { Response } = require('./response');

/**
 * The context of the process, which initContext() gets:
 *
 *   userData (also user_data)   object: what user code keeps
 *   logger                      nuclio's logger
 *   Response                    its class
 *   workerId (also worker_id)   string: the process's number
 *   trigger                     {kind, name}
 *   functionName                string
 *   platform                    callFunction()
 *
 * Other properties may be set, and stay for all events.
 */
class Context {
  constructor(settings) {
    this.userData = {};
    this.logger = new Logger(settings.logLevel);
    this.Response = Response;
    this.workerId = settings.slot;
    this.trigger = { kind: 'http', name: settings.name };
    this.functionName = settings.name;
    this.platform = new Platform(settings.call);
  }

  get user_data() {
    return this.userData;
  }

  set user_data(value) {
    this.userData = value;
  }

  get worker_id() {
    return this.workerId;
  }
}

/**
 * The class of the contexts that handlers get: one for each event, so that a
 * late callback never answers another event.
 *
 *   callback(x)   answers the event; later calls are ignored
 *   logger        its records belong to the event
 *
 * What else is read or set is the process's context.
 */
function eventContext(context) {
  class EventContext {
    #call;

    constructor(call) {
      this.#call = call;
    }

    get callback() {
      // it holds this: as long as it may be called the event may be answered
      return (answer) => this.#call.callback(answer);
    }

    get logger() {
      return this.#call.logger;
    }

    get Response() {
      return Response;
    }

    get userData() {
      return context.userData;
    }

    set userData(value) {
      context.userData = value;
    }
  }

  Object.setPrototypeOf(EventContext.prototype, new Proxy(context, {
    get: (target, name) => target[name],
    set: (target, name, value) => Reflect.set(target, name, value),
  }));
  return EventContext;
}

module.exports = { Context, eventContext };
