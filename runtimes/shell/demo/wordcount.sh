#!/bin/sh
# counts the lines, words and bytes of the body; a word is what stands between
# white space, also for a wc that counts only words with printable bytes
#
#     fn_handler shell:demo/wordcount.sh;
#     fn_env FN_CONTENT_TYPE=application/json;

set -e

LC_ALL=C
export LC_ALL

counts=$(tr -c '[:space:]' x | wc)
set -- $counts

printf '{"lines":%s,"words":%s,"bytes":%s}' "$1" "$2" "$3"
