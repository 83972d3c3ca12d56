#!/bin/sh
# The handler of ../conformance/README: it does what the path's last segment
# names.  A program sees no query, so arguments come as the body, "ms=300".
# What it can't say is answered by "501 " and the reason.

LC_ALL=C
export LC_ALL

name=${CONFORMANCE:-${NUCLIO_EVENT_PATH##*/}}

argument() {
    sed 's/^[^=]*=//'
}

# a JSON string: UTF-8, or bytes taken as Latin-1
json() {
    case $1 in
        *[!]\ !#-[^-~]*) ;;
        *) printf '"%s"' "$1"; return ;;
    esac

    if printf %s "$1" | iconv -f UTF-8 -t UTF-8 > /dev/null 2>&1; then
        printf %s "$1"
    else
        printf %s "$1" | iconv -f LATIN1 -t UTF-8
    fi | od -An -v -tu1 | awk '
        BEGIN { printf "\"" }
        {
            for (i = 1; i <= NF; i++) {
                if ($i < 32 || $i == 34 || $i == 92 || $i == 127)
                    printf "\\u%04x", $i
                else
                    printf "%c", $i + 0
            }
        }
        END { printf "\"" }'
}

event() {
    body=$(base64 -w 0)

    printf '{"id":%s,' "$(json "$NUCLIO_EVENT_ID")"
    printf '"method":%s,' "$(json "$NUCLIO_EVENT_METHOD")"
    printf '"path":%s,' "$(json "$NUCLIO_EVENT_PATH")"
    printf '"url":%s,' "$(json "$NUCLIO_EVENT_URL")"
    printf '"content_type":%s,' "$(json "$NUCLIO_EVENT_CONTENT_TYPE")"
    printf '"type":%s,' "$(json "$NUCLIO_EVENT_TYPE")"
    printf '"type_version":%s,' "$(json "$NUCLIO_EVENT_TYPE_VERSION")"
    printf '"version":%s,' "$(json "$NUCLIO_EVENT_VERSION")"
    printf '"shard_id":%s,' "$NUCLIO_EVENT_SHARD_ID"
    printf '"num_shards":%s,' "$NUCLIO_EVENT_NUM_SHARDS"
    printf '"timestamp":%s000,' "$(date -d "$NUCLIO_EVENT_TIMESTAMP" +%s)"
    printf '"body":"%s"}' "$body"
}

bytes() {
    for high in 0 1 2 3; do
        for middle in 0 1 2 3 4 5 6 7; do
            for low in 0 1 2 3 4 5 6 7; do
                printf "\\$high$middle$low"
            done
        done
    done
}

many_x() {
    head -c "$1" /dev/zero | tr '\0' x
}

deep() {
    deep
    true
}

case $name in
    # Events
    event) event ;;
    echo) cat ;;

    # Answers
    text) printf 'text \303\251\n' ;;
    bytes) bytes ;;
    empty_text | empty_bytes | nothing) ;;
    number) printf 42 ;;
    true) printf true ;;
    float) printf 1.5 ;;
    large) many_x "$(argument)" ;;

    # Failures
    raise) echo "some error" >&2; exit 1 ;;
    raise_long) many_x 100000 >&2; exit 1 ;;
    raise_odd) printf '\000\n\033\360\237\230\200' >&2; exit 1 ;;
    raise_exit) exit 3 ;;
    deep) deep ;;

    # State
    context)
        printf '{"trigger_kind":%s,' "$(json "$NUCLIO_TRIGGER_KIND")"
        printf '"function_name":%s}' "$(json "$NUCLIO_FUNCTION_NAME")"
        ;;

    # Time
    sleep) sleep "$(argument | awk '{ print $1 / 1000 }')"; printf slept ;;
    hang) while :; do sleep 1000; done ;;
    spin) while :; do :; done ;;

    # Disturbance
    stdin) cat | wc -c | tr -d '\n' ;;
    close) printf closed; exec <&- >&- 2>&- ;;
    descriptors) ls -l /proc/self/fd ;;
    orphan) sleep 1000 > /dev/null 2>&1 & echo $! ;;
    signals) trap '' TERM INT HUP PIPE; printf ignored ;;
    background)
        (sleep 0.05; echo "background error" >&2; exit 1) &
        printf started
        ;;
    exit) exit "$(argument)" ;;
    kill) kill -KILL $$ ;;
    memory) x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done ;;

    # What only a program of its own can't do
    log*) echo "501 standard error has one level, and no fields" ;;
    print | write) echo "501 standard output is the answer" ;;
    count | user_data | worker) echo "501 each event is a program of its own" ;;
    async*) echo "501 a program does not await" ;;
    fork) echo "501 a child writes to the same output" ;;
    call) echo "501 a program has no context" ;;
    stream*) echo "501 output of more than 64 KiB is a stream, no other" ;;
    header) echo "501 a program sees no header but Content-Type" ;;
    *) echo "501 a program has no status, no content type and no headers" ;;
esac
