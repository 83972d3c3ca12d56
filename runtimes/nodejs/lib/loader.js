/* Finds the handler that FN_TARGET and FN_ENTRY name. */

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const EXPORT_WAIT = 10000; // milliseconds, as nuclio
const EXPORT_POLL = 50;

/**
 * {handler, initContext (or undefined)} of a file or a directory, CommonJS or
 * an ES module.  entry may be dotted.  The export may come up to 10 s after the
 * module was loaded.  Throws what user code throws.
 */
async function load(target, entry) {
  if (target === '') {
    throw new Error('FN_TARGET is not set');
  }
  const file = fileOf(path.resolve(target));
  const exports = await moduleOf(file);
  const end = Date.now() + EXPORT_WAIT;
  let handler = find(exports, entry);
  while (handler === undefined && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, EXPORT_POLL));
    handler = find(exports, entry);
  }
  if (typeof handler !== 'function') {
    throw new TypeError(handler === undefined
      ? `"${target}" has no export "${entry}"`
      : `export "${entry}" of "${target}" is no function`);
  }
  const initContext = find(exports, 'initContext') ?? find(exports, 'init_context');
  return { handler, initContext };
}

/** A directory means what Node.js takes for it, or nuclio's handler.js. */
function fileOf(target) {
  try {
    return require.resolve(target);
  } catch (error) {
    const file = path.join(target, 'handler.js');
    if (fs.existsSync(file)) {
      return file;
    }
    throw error;
  }
}

/** The objects in which exports are looked for. */
async function moduleOf(file) {
  if (!file.endsWith('.mjs')) {
    try {
      const exports = require(file);
      return [() => exports, () => exports?.default];
    } catch (error) {
      if (error?.code !== 'ERR_REQUIRE_ESM'
          && error?.code !== 'ERR_REQUIRE_ASYNC_MODULE') {
        throw error;
      }
    }
  }
  const namespace = await import(pathToFileURL(file));
  return [() => namespace, () => namespace.default];
}

function find(exports, entry) {
  for (const owner of exports) {
    let value = owner();
    let self;
    for (const name of entry.split('.')) {
      [self, value] = [value, value?.[name]];
    }
    if (value !== undefined) {
      return entry.includes('.') && typeof value === 'function'
        ? value.bind(self) : value;
    }
  }
  return undefined;
}

module.exports = { load };
