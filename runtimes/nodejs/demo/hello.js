// The smallest function.

exports.handler = (context, event) => 'Hello from nodejs';
