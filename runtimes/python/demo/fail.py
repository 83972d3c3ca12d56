"""A function that fails."""


def handler(context, event):
    context.logger.warn("about to fail")
    raise ValueError("this function always fails")
