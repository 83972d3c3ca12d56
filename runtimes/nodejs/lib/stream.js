/* A body that comes in chunks, PROTOCOL 5.6. */

'use strict';

const protocol = require('./protocol');
const { chunkOf } = require('./response');

/** Sends line and the chunks of body, an iterable, each when it is there. */
async function stream(call, line, body) {
  const { connection } = call;
  const chunks = body[Symbol.asyncIterator]?.() ?? body[Symbol.iterator]();
  let sent = false;
  try {
    for (;;) {
      // before the line is sent: an error so early is a whole reply
      const { done, value } = await chunks.next();
      const data = done ? undefined : chunkOf(value);
      if (!sent) {
        connection.writeLine(line);
        sent = true;
      }
      if (done) {
        call.flush();
        connection.writeLine(protocol.END);
        break;
      }
      if (data.length > 0) {
        connection.writePair(protocol.chunkLine(data.length), data);
        await connection.drained();
      }
    }
  } catch (error) {
    abort(chunks);
    if (!connection.socket.destroyed) {
      call.replyError(error);
      return;
    }
  }
  call.finish();
}

/** Nobody reads the rest; user code runs here, and nobody is left to tell. */
function abort(chunks) {
  try {
    void Promise.resolve(chunks.return?.()).catch(() => {});
  } catch {
    // as above
  }
}

module.exports = { stream };
