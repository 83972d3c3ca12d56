"""The conformance suite of the runtimes; see ../README."""
