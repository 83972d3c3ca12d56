/* How functions call functions: nuclio's platform. */

'use strict';

const { Response } = require('./response');

class Platform {
  /** address: FN_CALL (PROTOCOL 1.4), or "". */
  constructor(address) {
    this.kind = 'local';
    this.namespace = 'default';
    this._address = address;
    this._agent = undefined;
  }

  /**
   * Calls the function of that name; a promise of its Response: status_code,
   * headers with names in lower case, content_type, and body: what was parsed
   * when it is JSON, else a Buffer.
   *
   * event has method, path, headers, content_type and body (string, Buffer, or
   * what becomes JSON), each of which may be absent; timeout is in milliseconds.
   */
  async callFunction(functionName, event = {}, { timeout } = {}) {
    if (this._address === '') {
      throw new Error(
        `can't call function "${functionName}": fn_call is not configured`);
    }
    const { headers, body } = payload(functionName, event);
    const response = await this._request({
      method: event.method || (body.length === 0 ? 'GET' : 'POST'),
      path: encodePath(event.path || '/'),
      headers,
      timeout,
    }, body);
    return decode(response);
  }

  _request(options, body) {
    const http = require('node:http'); // rarely needed, and slow to load
    this._agent ??= new http.Agent({ keepAlive: true });
    options = { ...options, ...place(this._address), agent: this._agent };
    return new Promise((resolve, reject) => {
      const request = http.request(options, (message) => {
        const pieces = [];
        message.on('data', (piece) => pieces.push(piece));
        message.on('error', reject);
        message.on('end', () => resolve({
          status: message.statusCode,
          headers: message.headers,
          body: Buffer.concat(pieces),
        }));
      });
      request.on('timeout', () => request.destroy(
        new Error(`the called function did not answer in ${options.timeout} ms`)));
      request.on('error', reject);
      request.end(body);
    });
  }
}

function place(address) {
  if (address.startsWith('unix:')) {
    return { socketPath: address.slice(5) };
  }
  const colon = address.lastIndexOf(':');
  return {
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(address.slice(colon + 1)),
  };
}

/** The headers and the bytes of a call. */
function payload(functionName, event) {
  const headers = { ...event.headers };
  let body = event.body ?? '';
  let type = event.content_type;
  if (typeof body !== 'string' && !ArrayBuffer.isView(body)) {
    body = JSON.stringify(body);
    type ??= 'application/json';
  }
  if (type) {
    headers['Content-Type'] = type;
  }
  body = Buffer.from(body);
  return {
    headers: {
      Host: 'localhost',
      ...headers,
      'Content-Length': body.length,
      'X-Nuclio-Target': functionName,
    },
    body,
  };
}

function encodePath(path) {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23');
}

function decode({ status, headers, body }) {
  const type = headers['content-type'];
  if (/^application\/json\s*(;|$)/i.test(type ?? '')) {
    try {
      body = JSON.parse(body);
    } catch {
      // it stays what came
    }
  }
  return new Response(body, headers, type, status);
}

module.exports = { Platform };
