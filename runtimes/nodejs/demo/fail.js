// A function that fails.

exports.handler = (context, event) => {
  context.logger.warn('about to fail');
  throw new Error('this function always fails');
};
