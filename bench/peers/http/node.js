// Says hello on the unix socket that is named by the first argument.

const http = require('http');

const body = 'Hello from node';
const headers = {
    'Content-Type': 'text/plain',
    'Content-Length': Buffer.byteLength(body),
};

http.createServer((request, response) => {
    response.writeHead(200, headers);
    response.end(body);
}).listen(process.argv[2]);
