/* What a handler is called with: nuclio's event. */

'use strict';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ASCII = /^[\x00-\x7f]*$/; // eslint-disable-line no-control-regex

/** What is made when it is read first, of EventLine.fields. */
const LAZY = {
  path: (line) => text(line.path),
  content_type: (line) => contentType(line),
  'content-type': (line) => contentType(line),
  headers: (line) => headers(line),
  fields: (line) => fields(line.query),
  timestamp: (line) => new Date(Math.round((line.timestamp ?? 0) * 1000)),
  trigger: (line) => ({
    kind: line.trigger?.kind ?? 'http',
    name: line.trigger?.name ?? '',
  }),
  remote_addr: (line) => line.remote_addr ?? '',
  size: (line) => line.body_length ?? 0,
  url: () => '',
  type: () => '',
  type_version: () => '',
  version: () => '',
  topic: () => '',
  shard_id: () => -1,
  num_shards: () => 0,
  offset: () => 0,
};

/**
 * nuclio's event, made of an EventLine and the body.
 *
 *   id, method, content_type   string
 *   path                       string: decoded, without the query
 *   headers                    object of strings; of arrays of them where a
 *                              header came more than once
 *   fields                     object of strings: the query's arguments, the
 *                              last of each name
 *   body                       Buffer
 *   timestamp                  Date
 *   trigger                    {kind, name}
 *   remote_addr                string: the client's address
 *   size                       number of the body's bytes
 *   url, type, type_version, version, topic, shard_id, num_shards, offset
 *                              as nuclio has them for HTTP
 *
 * All but id, method and body are made when they are read first.
 */
class Event {
  #line;
  #made;

  constructor(line, body) {
    this.id = line.id;
    this.method = line.method;
    this.body = body;
    this.#line = line;
  }

  static {
    for (const [name, make] of Object.entries(LAZY)) {
      Object.defineProperty(this.prototype, name, {
        enumerable: true,
        get() {
          const made = (this.#made ??= {});
          return name in made ? made[name] : (made[name] = make(this.#line.fields));
        },
        set(value) {
          (this.#made ??= {})[name] = value;
        },
      });
    }
  }

  /** The header's value, any case of its name; the last one of several. */
  getHeader(name) {
    name = name.toLowerCase();
    for (const [key, value] of Object.entries(this.headers)) {
      if (key.toLowerCase() === name) {
        return Array.isArray(value) ? value[value.length - 1] : value;
      }
    }
    return undefined;
  }

  /** For JSON.stringify(): all fields, the body as base64. */
  toJSON() {
    const all = {};
    for (const name in this) {
      all[name] = this[name];
    }
    return { ...all, body: Buffer.from(this.body).toString('base64') };
  }
}

/** A byte string (PROTOCOL 3.5) as text: UTF-8, or Latin-1 when it is not. */
function text(value) {
  if (ASCII.test(value)) {
    return value;
  }
  try {
    return decoder.decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}


function contentType(line) {
  const value = line.headers?.['Content-Type'] ?? '';
  return text(Array.isArray(value) ? value[value.length - 1] : value);
}

/** The line's own object when nothing in it has to be decoded. */
function headers(line) {
  const all = line.headers ?? {};
  let result = all;
  for (const name of Object.keys(all)) {
    const value = all[name];
    if (typeof value !== 'string' || !ASCII.test(value)) {
      result = result === all ? { ...all } : result;
      result[name] = Array.isArray(value) ? value.map(text) : text(value);
    }
  }
  return result;
}

function fields(query = '') {
  const pairs = query.split('&').filter((pair) => pair !== '').map((pair) => {
    const end = pair.indexOf('=');
    return end === -1 ? [unescape(pair), '']
      : [unescape(pair.slice(0, end)), unescape(pair.slice(end + 1))];
  });
  return Object.fromEntries(pairs);
}

function unescape(value) {
  const bytes = value.replaceAll('+', ' ').replace(/%([0-9a-f]{2})/gi,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return text(bytes);
}

module.exports = { Event };
