// The workloads, for njs.

function hello(r) {
    r.return(200, 'Hello, world');
}

function json(r) {
    r.headersOut['Content-Type'] = 'application/json';
    r.return(200, JSON.stringify(JSON.parse(r.requestText)));
}

function body(r) {
    r.return(200, String(r.requestBuffer.length));
}

function wait(r) {
    setTimeout(() => r.return(200, 'waited'), 10);
}

export default { hello, json, body, wait };
