/*
 * Lines of the fn protocol (../../PROTOCOL): text to objects and back.
 *
 * Nothing here knows a socket, a handler or an event.
 */

'use strict';

const EVENT_LINE_MAX = 262144; // bytes, PROTOCOL 3.3
const DEPTH_MAX = 32; // PROTOCOL 3.3
const HEADER_LINES_MAX = 100; // PROTOCOL 6.1
const READY = '{"type":"ready","protocol":1}\n';
const END = '{"type":"end"}\n'; // PROTOCOL 5.6

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]{0,8192}$/;
const WIDE = /[^\x00-\xff]/; // eslint-disable-line no-control-regex

const decoder = new TextDecoder('utf-8', { fatal: true });

/** nginx sent what PROTOCOL does not allow. */
class ProtocolError extends Error {}

// The event

/**
 * The event's line: what the runtime itself needs (id, method, startBy, logLevel
 * and bodyLength; the last three may be undefined), and the rest as fields, an
 * object by PROTOCOL 4.1, parsed when it is read first.
 */
class EventLine {
  constructor(text, fields, id, method, startBy, logLevel, bodyLength) {
    this.text = text;
    this.parsed = fields;
    this.id = id;
    this.method = method;
    this.startBy = startBy;
    this.logLevel = logLevel;
    this.bodyLength = bodyLength;
  }

  get fields() {
    return (this.parsed ??= JSON.parse(this.text));
  }
}

/** The event's line, size bytes without LF (EventLine). */
function readEvent(bytes, size) {
  if (size >= EVENT_LINE_MAX) {
    throw new ProtocolError("the event's line is too long");
  }
  const text = bytes.utf8Slice(0, size);
  return readOwnForm(text) ?? readAnyForm(text, bytes.subarray(0, size));
}

const FORM = /^\{"id":"([A-Za-z0-9_-]{1,64})","method":"([^"\\]*)","path":"/;
const START_BY = ',"start_by":';
const TAIL = new RegExp(',"trigger":\\{"kind":"http","name":"[^"\\\\]*"\\}'
  + '(?:,"log_level":"([a-z]+)")?(?:,"body_length":([0-9]{1,15}))?\\}$', 'y');

/**
 * An event in the form that nginx writes is not parsed, which takes half of the
 * runtime's time; in another it is undefined.  Quotes inside of strings are
 * escaped, and names of headers begin in upper case (4.2): what is looked for
 * stands nowhere else.
 */
function readOwnForm(text) {
  const first = FORM.exec(text);
  TAIL.lastIndex = text.lastIndexOf(',"trigger":{');
  const last = TAIL.lastIndex > 0 ? TAIL.exec(text) : null;
  if (first === null || last === null) {
    return undefined;
  }
  const startBy = text.indexOf(START_BY);
  return new EventLine(
    text, undefined, first[1], first[2],
    startBy === -1 ? undefined
      : Number.parseInt(text.slice(startBy + START_BY.length, startBy + START_BY.length + 16), 10),
    last[1],
    last[2] === undefined ? undefined : Number(last[2]),
  );
}

function readAnyForm(text, bytes) {
  let fields;
  try {
    fields = JSON.parse(text);
    if (text.includes('\ufffd')) {
      decoder.decode(bytes); // was it there, or no UTF-8?
    }
  } catch (error) {
    throw new ProtocolError(`invalid event: ${error.message}`);
  }
  // JSON.parse() makes 5 of 5.0 and 5e0
  const wrong = NO_INTEGER.test(text) ? 'a count is no integer' : faultOf(fields);
  if (wrong !== undefined) {
    throw new ProtocolError(`invalid event: ${wrong}`);
  }
  return new EventLine(text, fields, fields.id, fields.method,
    fields.start_by, fields.log_level, fields.body_length);
}

/** What is wrong with an event, or undefined. */
function faultOf(head) {
  if (!isObject(head) || 'type' in head) {
    return 'no event';
  }
  for (const [name, valid] of EVENT_FIELDS) {
    const value = head[name];
    if (value === undefined ? REQUIRED.has(name) : !valid(value)) {
      return `its "${name}" is ${String(JSON.stringify(value)).slice(0, 80)}`;
    }
  }
  return undefined;
}

const NO_INTEGER = /"(?:start_by|body_length)"\s*:\s*[0-9]+[.eE]/;
const isObject = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isBytes = (value) => typeof value === 'string' && !WIDE.test(value);
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isHeader = (value) =>
  Array.isArray(value) ? value.every(isBytes) : isBytes(value);

const REQUIRED = new Set(['id', 'method', 'path']);
const EVENT_FIELDS = Object.entries({
  id: (value) => typeof value === 'string' && ID.test(value),
  method: isBytes,
  path: isBytes,
  query: isBytes,
  headers: (value) => isObject(value) && Object.keys(value).every(isBytes)
    && Object.values(value).every(isHeader),
  timestamp: (value) => typeof value === 'number',
  remote_addr: (value) => typeof value === 'string',
  trigger: isObject,
  start_by: isCount,
  log_level: (value) => typeof value === 'string',
  body_length: isCount,
});

// The reply

/**
 * PROTOCOL 5.3.  head comes from responseHead(); body is '"body_length":12' or
 * '"stream":true'; duration is in microseconds.
 */
function responseLine(id, head, body, duration) {
  return `{"type":"response","id":"${id}",${head},${body},"duration_us":${duration}}\n`;
}

const HEADS_MAX = 64;
const heads = new Map(); // of the usual responses, by content type

/**
 * The status and headers of a response line, checked (PROTOCOL 6): status a
 * number, headers an array of [name, value] without Content-Type, names and
 * values byte strings (3.5).  Throws what the handler did wrong.
 */
function responseHead(status, contentType, headers) {
  if (status !== 200 || headers.length > 0) {
    return makeHead(status, contentType, headers);
  }
  let head = heads.get(contentType);
  if (head === undefined) {
    head = makeHead(status, contentType, headers);
    if (heads.size < HEADS_MAX) {
      heads.set(contentType, head);
    }
  }
  return head;
}

function makeHead(status, contentType, headers) {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(
      `status code must be an integer from 200 to 599, not ${show(status)}`);
  }
  if (headers.length >= HEADER_LINES_MAX) {
    throw new RangeError(`more than ${HEADER_LINES_MAX} header lines`);
  }
  const fields = new Map([['Content-Type', [contentType]]]);
  for (const [name, value] of headers) {
    const values = fields.get(name);
    if (values === undefined) {
      fields.set(name, [value]);
    } else {
      values.push(value);
    }
  }
  const members = Array.from(fields, ([name, values]) => member(name, values));
  return `"status":${status},"headers":{${members.join(',')}}`;
}

function member(name, values) {
  if (!NAME.test(name)) {
    throw new TypeError(`invalid header name ${show(name)}`);
  }
  const texts = values.map((value) => {
    if (!VALUE.test(value)) {
      throw new TypeError(`invalid value of header "${name}": ${show(value)}`);
    }
    return asciiString(value);
  });
  return `"${name}":${texts.length === 1 ? texts[0] : `[${texts.join(',')}]`}`;
}

/** A byte string in JSON without bytes above 126: nginx's fast path reads it. */
function asciiString(value) {
  return JSON.stringify(value).replace(/[\x7f-\xff]/g,
    (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

/** PROTOCOL 5.6 */
function chunkLine(length) {
  return `{"type":"chunk","length":${length}}\n`;
}

/** PROTOCOL 5.7 */
function expiredLine(id) {
  return `{"type":"expired","id":"${id}"}\n`;
}

/**
 * PROTOCOL 5.8, shortened to lineMax bytes; of the stack the end is kept.
 * status may be undefined; duration is in microseconds.
 */
function errorLine(id, { name, message, stack, status }, duration, lineMax) {
  const head = `{"type":"error","id":"${id}","error":${fit(name, 256)},`
    + (status === undefined ? '' : `"status":${status},`)
    + `"duration_us":${duration},"message":`;
  let room = lineMax - Buffer.byteLength(head) - ',"stack":}\n'.length;
  const text = fit(message, room >> 1);
  room -= Buffer.byteLength(text);
  return `${head}${text},"stack":${fit(stack, room, true)}}\n`;
}

/** PROTOCOL 5.2, shortened to lineMax bytes; fields is an object or undefined. */
function logLine(level, message, fields, lineMax) {
  const head = `{"type":"log","level":"${level}","message":`;
  let room = lineMax - head.length - ',"with":{}}\n'.length;
  const text = fit(message, room >> 1);
  if (fields === undefined) {
    return `${head}${text}}\n`;
  }
  room -= Buffer.byteLength(text);
  const members = [];
  for (const [name, value] of Object.entries(plain(fields, DEPTH_MAX - 2, lineMax))) {
    const key = fit(name, 256);
    const rest = room - Buffer.byteLength(key) - ':,'.length;
    if (rest < 8) {
      break;
    }
    let json = JSON.stringify(value);
    if (Buffer.byteLength(json) > rest) {
      json = fit(typeof value === 'string' ? value : json, rest);
    }
    room = rest - Buffer.byteLength(json);
    members.push(`${key}:${json}`);
  }
  return `${head}${text},"with":{${members.join(',')}}}\n`;
}

/** What says on the control socket why there is no "ready", PROTOCOL 2.2. */
function refusalLine(name, message) {
  return `{"type":"error","error":${fit(name, 256)},"message":${fit(message, 2048)}}\n`;
}

// JSON

/** text as a JSON string of at most room bytes of UTF-8 (and at least 2). */
function fit(text, room, keepEnd = false) {
  // a character has a byte at least: the rest need not be looked at
  let kept = text.length > room ? cut(text, room, keepEnd) : text;
  for (;;) {
    const json = JSON.stringify(wellFormed(kept));
    const size = Buffer.byteLength(json);
    if (size <= room || kept === '') {
      return json;
    }
    const length = Math.min(Math.floor(kept.length * room / size), kept.length) - 4;
    kept = length <= 0 ? '' : cut(kept, length, keepEnd);
  }
}

function cut(text, length, keepEnd) {
  return keepEnd ? `...${text.slice(-length)}` : `${text.slice(0, length)}...`;
}

/** Without lone surrogates, which are no UTF-8. */
function wellFormed(text) {
  return /[\ud800-\udfff]/.test(text) ? Buffer.from(text).toString() : text;
}

/**
 * A copy of an object that nginx's reader takes (PROTOCOL 5.2): at most depth
 * deep, and of about size values; text for what JSON has not.
 */
function plain(fields, depth, size) {
  const copy = (value, left) => {
    if (typeof value?.toJSON === 'function' && !Buffer.isBuffer(value)) {
      value = attempt(() => value.toJSON());
    }
    size -= 1;
    switch (typeof value) {
      case 'string':
        return wellFormed(value);
      case 'boolean':
        return value;
      case 'number':
        // an integer of more than 64 bits, or what JSON does not have
        return Number.isInteger(value) && Math.abs(value) >= 2 ** 63
          || !Number.isFinite(value) ? String(value) : value;
      case 'object':
        if (value === null) {
          return null;
        }
        if (left > 0 && size > 0 && !(value instanceof Error)
            && !ArrayBuffer.isView(value)) {
          return Array.isArray(value)
            ? value.map((one) => copy(one, left - 1)) : members(value, left - 1);
        }
    }
    return wellFormed(asText(value));
  };
  const members = (value, left) => {
    const result = Object.create(null); // "__proto__" is a name like others
    for (const name of Object.keys(value)) {
      result[wellFormed(name).replaceAll('\0', '\ufffd')] =
        copy(attempt(() => value[name]), left);
    }
    return result;
  };
  return members(fields, depth);
}

/** Any value as text; its own code may fail. */
function asText(value) {
  if (typeof value === 'string') {
    return value;
  }
  return attempt(() =>
    (value instanceof Error && typeof value.stack === 'string'
      ? value.stack : String(value)));
}

/** make(), or the name of what it throws: user code may be called in it. */
function attempt(make) {
  try {
    return make();
  } catch (error) {
    return `<${typeof error}>`;
  }
}

/** A value in the text of an error. */
function show(value) {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80))
    : asText(value).slice(0, 80);
}

module.exports = {
  END,
  EVENT_LINE_MAX,
  ProtocolError,
  READY,
  asText,
  attempt,
  chunkLine,
  errorLine,
  expiredLine,
  logLine,
  plain,
  readEvent,
  refusalLine,
  responseHead,
  responseLine,
  show,
};
