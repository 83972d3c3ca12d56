"""The smallest function."""


def handler(context, event):
    return "Hello from python"
