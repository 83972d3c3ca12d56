// The workloads on the unix socket that is named by the first argument.

const http = require('http');

const read = (request, done) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => done(Buffer.concat(pieces)));
};

const send = (response, type, body) => {
  response.writeHead(200, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
};

const workloads = {
  '/hello': (request, response) => send(response, 'text/plain', 'Hello, world'),
  '/json': (request, response) => read(request, (body) =>
    send(response, 'application/json', JSON.stringify(JSON.parse(body)))),
  '/body': (request, response) => read(request, (body) =>
    send(response, 'text/plain', String(body.length))),
  '/wait': (request, response) =>
    setTimeout(send, 10, response, 'text/plain', 'waited'),
};

http.createServer((request, response) =>
  workloads[request.url](request, response)).listen(process.argv[2]);
