#!/bin/sh
# fails: the client gets a 500 with what was written

echo "this function always fails" >&2
exit 3
