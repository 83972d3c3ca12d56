// The workloads, in JavaScript.

exports.hello = (context, event) => 'Hello, world';

exports.json = (context, event) => JSON.parse(event.body);

exports.body = (context, event) => String(event.body.length);

exports.wait = (context, event) =>
  new Promise((resolve) => setTimeout(resolve, 10, 'waited'));
