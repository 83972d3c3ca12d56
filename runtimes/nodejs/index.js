/*
 * The Node.js runtime: node runtimes/nodejs [--listen ADDRESS]
 *
 * Serves one function as ../PROTOCOL says; the environment says which (1.2).
 */

'use strict';

const { Context } = require('./lib/context');
const { Door } = require('./lib/door');
const { Output } = require('./lib/output');
const { Server } = require('./lib/server');
const { Settings } = require('./lib/settings');
const { describe } = require('./lib/failure');
const { load } = require('./lib/loader');
const protocol = require('./lib/protocol');

async function main(args) {
  if (args.length !== 0 && (args.length !== 2 || args[0] !== '--listen')) {
    process.stderr.write('usage: node runtimes/nodejs [--listen ADDRESS]\n');
    process.exit(2);
  }
  const door = args.length === 0 ? Door.inherited() : Door.opened(args[1]);
  const refuse = (error) => {
    const { name, message, stack } = describe(error);
    Output.writeError(stack);
    door.say(protocol.refusalLine(name, message));
    process.exit(1);
  };
  process.on('uncaughtException', refuse);
  door.watch();
  const server = await start(door).catch(refuse);
  await door.open(server).catch(refuse);
  process.off('uncaughtException', refuse);
  process.on('uncaughtException', (error) => server.die(error));
  door.say(protocol.READY);
}

/** A server with the user's code loaded and initContext called. */
async function start(door) {
  const settings = new Settings(process.env);
  const context = new Context(settings);
  const server = new Server(door, settings, context);
  Output.install();
  const { handler, initContext } = await load(settings.target, settings.entry);
  if (initContext !== undefined) {
    await initContext(context);
  }
  server.handler = handler;
  return server;
}

main(process.argv.slice(2));
