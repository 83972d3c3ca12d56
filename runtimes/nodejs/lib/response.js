/* What a handler answers: nuclio's Response, and all the other kinds. */

'use strict';

const { responseHead, show } = require('./protocol');

const TEXT = 'text/plain';
const JSON_TYPE = 'application/json';
const EMPTY = Buffer.alloc(0);

/** "status" and "headers" of a text with status 200. */
const TEXT_HEAD = responseHead(200, TEXT, []);

/**
 * nuclio's response: body (any kind that a handler may answer), headers (object
 * of strings, numbers, booleans or arrays of them), content_type, status_code,
 * body_encoding ("text", or "base64": the body is a string of it).  A
 * content type that was given wins over a Content-Type of the headers.
 */
class Response {
  constructor(body = null, headers = null, contentType = undefined,
    statusCode = 200, bodyEncoding = 'text') {
    this.body = body;
    this.headers = headers;
    this.given_type = contentType;
    this.status_code = statusCode;
    this.body_encoding = bodyEncoding;
  }

  get content_type() {
    return this.given_type ?? TEXT;
  }

  set content_type(value) {
    this.given_type = value;
  }
}

/**
 * {head, body} of what a handler answered: head is responseHead()'s; body is a
 * Buffer, a string, or an iterable of a stream.  What makes no sense is thrown
 * (PROTOCOL 7.1).
 */
function render(result) {
  if (result instanceof Response) {
    return renderResponse(result);
  }
  let status = 200;
  if (isPair(result)) {
    [status, result] = result;
    if (result instanceof Response) {
      result.status_code = status;
      return renderResponse(result);
    }
  }
  const { body, type } = bodyOf(result);
  const head = status === 200 && type === undefined
    ? TEXT_HEAD : responseHead(status, type ?? TEXT, []);
  return { head, body };
}

/** [status, x]; a list of two numbers that are no status is a list. */
function isPair(result) {
  return Array.isArray(result) && result.length === 2
    && Number.isInteger(result[0]) && result[0] >= 100 && result[0] <= 999;
}

function renderResponse(response) {
  const { pairs, named } = headerPairs(response.headers);
  let { body, type } = bodyOf(response.body);
  if (response.body_encoding === 'base64' && typeof body === 'string') {
    body = Buffer.from(body, 'base64');
  }
  type ??= givenType(response) ?? named ?? TEXT;
  return { head: responseHead(response.status_code, type, pairs), body };
}

function givenType(response) {
  const type = response.given_type ?? undefined;
  if (type !== undefined && typeof type !== 'string') {
    throw new TypeError(`content type must be a string, not ${show(type)}`);
  }
  return type && byteString(type);
}

/** headers as {pairs: [[name, value]...], named: the Content-Type or undefined} */
function headerPairs(headers) {
  const pairs = [];
  let named;
  for (const [key, values] of Object.entries(headers ?? {})) {
    const name = byteString(key);
    for (const value of Array.isArray(values) ? values : [values]) {
      if (value === null || value === undefined) {
        continue;
      }
      if (name.toLowerCase() === 'content-type') {
        named = headerValue(name, value);
      } else {
        pairs.push([name, headerValue(name, value)]);
      }
    }
  }
  return { pairs, named };
}

function headerValue(name, value) {
  switch (typeof value) {
    case 'string':
      return byteString(value);
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
  }
  if (value instanceof Uint8Array) {
    return Buffer.from(value).toString('latin1');
  }
  throw new TypeError(
    `value of header "${name}" must be a string, not ${show(value)}`);
}

/** Text as UTF-8, one character a byte (PROTOCOL 3.5). */
function byteString(text) {
  return Buffer.from(text).toString('latin1');
}

/** {body, type}: what an answer's value is sent as; type may be undefined. */
function bodyOf(value) {
  switch (typeof value) {
    case 'string':
      return { body: value, type: undefined };
    case 'undefined':
      return { body: EMPTY, type: undefined };
    case 'object':
      if (value === null) {
        return { body: EMPTY, type: undefined };
      }
      if (ArrayBuffer.isView(value)) {
        const { buffer, byteOffset, byteLength } = value;
        return { body: Buffer.from(buffer, byteOffset, byteLength), type: undefined };
      }
      if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
        return { body: Buffer.from(value), type: undefined };
      }
      if (isStream(value)) {
        return { body: value, type: undefined };
      }
  }
  const body = JSON.stringify(value);
  if (body === undefined) {
    throw new TypeError(`a ${typeof value} can't be answered`);
  }
  return { body, type: JSON_TYPE };
}

/** Readable, ReadableStream, asynchronous iterable, or generator. */
function isStream(value) {
  return typeof value === 'object' && value !== null
    && (typeof value[Symbol.asyncIterator] === 'function'
      || (typeof value.next === 'function'
        && typeof value[Symbol.iterator] === 'function'));
}

/** A chunk of a stream as bytes. */
function chunkOf(value) {
  if (typeof value === 'string') {
    return Buffer.from(value);
  }
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  throw new TypeError(`a stream's chunk must be text or bytes, not ${show(value)}`);
}

module.exports = { Response, TEXT_HEAD, chunkOf, isStream, render };
