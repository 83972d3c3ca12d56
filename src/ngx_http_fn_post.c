
/*
 * A process starts as the holder of a post that is vacant, or as the successor
 * of a holder that has to go (fn_limit requests=, fn_watch):
 *
 *     post->start is due -> starting -> ready -> it exits, or is killed
 *                              |          |              |
 *                              |          |    vacant: post->start is now
 *                              |          |    or soon, later each time
 *                              |          |
 *                              |          +-- its successor is ready: told to
 *                              |              stop, drains, exits
 *                              +-- fails: post->start, later each time
 *
 * The slot in shared memory says what nginx workers have to know of it; only
 * its holder is there.  A successor gets the slot's generation, pid and
 * counters at the moment it is ready.
 */


#include "ngx_http_fn_post.h"
#include "ngx_http_fn_log.h"
#include "ngx_http_fn_queue.h"
#include "ngx_http_fn_slot.h"
#include "ngx_http_fn_supervisor.h"


#define NGX_HTTP_FN_READY        "{\"type\":\"ready\",\"protocol\":1}"

#define NGX_HTTP_FN_DELAY_MIN    100
#define NGX_HTTP_FN_DELAY_MAX    10000
#define NGX_HTTP_FN_DELAY_DOWN   1000   /* requests don't wait for that */
#define NGX_HTTP_FN_DELAY_NEVER  ((ngx_msec_t) -1)
#define NGX_HTTP_FN_HEALTHY      10000
#define NGX_HTTP_FN_USEFUL       1000   /* and has run events */
#define NGX_HTTP_FN_LOOK_AGAIN   100
#define NGX_HTTP_FN_LEFT         1000   /* until its places are given back */


static void ngx_http_fn_post_look_slot(ngx_http_fn_post_t *post);
static ngx_int_t ngx_http_fn_post_overdue(ngx_http_fn_post_t *post);
static ngx_uint_t ngx_http_fn_post_guilty(ngx_http_fn_post_t *post,
    ngx_uint_t generation);
static ngx_uint_t ngx_http_fn_post_may_renew(ngx_http_fn_post_t *post);
static void ngx_http_fn_post_start(ngx_http_fn_post_t *post);
static ngx_int_t ngx_http_fn_post_sources(ngx_http_fn_process_t *p);
static void ngx_http_fn_post_publish(ngx_http_fn_post_t *post,
    ngx_http_fn_process_t *p);
static void ngx_http_fn_post_state(ngx_http_fn_post_t *post, ngx_uint_t state);
static void ngx_http_fn_post_control_handler(void *data);
static void ngx_http_fn_post_output_handler(void *data);
static void ngx_http_fn_post_control(ngx_http_fn_process_t *p);
static void ngx_http_fn_post_ready(ngx_http_fn_process_t *p);
static void ngx_http_fn_post_refused(ngx_http_fn_process_t *p, size_t len);
static void ngx_http_fn_post_drain(ngx_http_fn_process_t *p);
static ngx_msec_t ngx_http_fn_post_vacant(ngx_http_fn_post_t *post,
    ngx_http_fn_process_t *p);
static ngx_msec_t ngx_http_fn_post_delay(ngx_http_fn_post_t *post,
    ngx_http_fn_process_t *p);
static void ngx_http_fn_post_log_exit(ngx_http_fn_process_t *p, int status,
    ngx_msec_t delay);


void
ngx_http_fn_post_init(ngx_http_fn_post_t *post)
{
    /* what the former supervisor had started is dead */

    post->generation = post->slot->generation;
    post->start = post->crew->supervisor->now;

    post->slot->pid = 0;
    post->slot->state = NGX_HTTP_FN_SLOT_STARTING;
}


void
ngx_http_fn_post_look(ngx_http_fn_post_t *post)
{
    ngx_http_fn_supervisor_t  *sv;

    sv = post->crew->supervisor;

    if (post->holder) {
        ngx_http_fn_post_look_slot(post);
    }

    if (post->start) {

        if (sv->now < post->start) {
            ngx_http_fn_supervisor_at(sv, post->start);
            return;
        }

        ngx_http_fn_post_start(post);
        return;
    }

    if (post->renew && ngx_http_fn_post_may_renew(post)) {
        ngx_http_fn_post_start(post);
    }
}


static void
ngx_http_fn_post_look_slot(ngx_http_fn_post_t *post)
{
    ngx_int_t                rc;
    ngx_http_fn_slot_t      *slot;
    ngx_http_fn_process_t   *p;
    ngx_http_fn_function_t  *function;

    p = post->holder;
    slot = post->slot;
    function = post->crew->function;

    if (!p->ready || p->killed) {
        return;
    }

    if (function->limit_requests
        && slot->served >= function->limit_requests
        && post->successor == NULL)
    {
        post->renew = 1;
    }

    rc = ngx_http_fn_post_overdue(post);

    if (rc == NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, function->log, 0,
                      "fn \"%V\" process %P is killed: "
                      "an event ran longer than %M ms",
                      &function->name, p->pid, function->timeout);

        ngx_http_fn_post_state(post, NGX_HTTP_FN_SLOT_STOPPING);
        ngx_http_fn_process_kill(p);
        return;
    }

    /*
     * Workers take the slot out, too, when they find it overdue or broken.
     * It comes back when the event has ended after all, and when the word was
     * for a process before this one.
     */

    if (rc == NGX_AGAIN) {
        ngx_http_fn_post_state(post, NGX_HTTP_FN_SLOT_STOPPING);

    } else if (slot->broken != p->generation) {
        ngx_http_fn_post_state(post, NGX_HTTP_FN_SLOT_READY);
    }
}


/*
 * NGX_OK        the events that the process runs are past their deadline
 * NGX_AGAIN     some are, the others may still end
 * NGX_DECLINED  none is
 */

static ngx_int_t
ngx_http_fn_post_overdue(ngx_http_fn_post_t *post)
{
    ngx_uint_t           i, overdue, others, waits;
    ngx_atomic_uint_t    generation;
    ngx_http_fn_slot_t  *slot;

    slot = post->slot;
    overdue = 0;
    others = 0;
    waits = 0;

    for (i = 0; i < post->crew->function->nplaces; i++) {
        generation = slot->places[i].overdue;

        if (generation == 0) {
            others += (slot->owners[i] != 0);
            continue;
        }

        waits = 1;

        if (ngx_http_fn_post_guilty(post, generation)) {
            overdue++;
        }
    }

    if (waits) {
        ngx_http_fn_supervisor_at(post->crew->supervisor,
                                  post->crew->supervisor->now
                                  + NGX_HTTP_FN_LOOK_AGAIN);
    }

    if (overdue == 0) {
        return NGX_DECLINED;
    }

    return others ? NGX_AGAIN : NGX_OK;
}


/*
 * While a successor takes over, either process may accept a connection that
 * its worker counts to the other.  So what is overdue at a generation that is
 * gone for a while is run by the holder.
 */

static ngx_uint_t
ngx_http_fn_post_guilty(ngx_http_fn_post_t *post, ngx_uint_t generation)
{
    ngx_queue_t               *q;
    ngx_http_fn_process_t     *p;
    ngx_http_fn_supervisor_t  *sv;

    if (generation == post->holder->generation) {
        return 1;
    }

    sv = post->crew->supervisor;

    if (sv->now - post->left < NGX_HTTP_FN_LEFT) {
        return 0;
    }

    for (q = ngx_queue_head(&sv->processes);
         q != ngx_queue_sentinel(&sv->processes);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_fn_process_t, queue);

        if (p->data == post && p->generation == generation) {
            return 0;
        }
    }

    return 1;
}


/* one post of a crew after the other, so most of it always serves */

static ngx_uint_t
ngx_http_fn_post_may_renew(ngx_http_fn_post_t *post)
{
    ngx_uint_t           i;
    ngx_http_fn_post_t  *other;

    if (post->holder == NULL || !post->holder->ready || post->holder->killed) {
        return 0;
    }

    for (i = 0; i < post->crew->function->processes; i++) {
        other = &post->crew->posts[i];

        if (other->successor || (other->renew && other->start)) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_fn_post_start(ngx_http_fn_post_t *post)
{
    ngx_http_fn_process_t     *p;
    ngx_http_fn_function_t    *function;
    ngx_http_fn_supervisor_t  *sv;

    sv = post->crew->supervisor;
    function = post->crew->function;

    p = ngx_http_fn_process_start(&post->launch, post->generation + 1);

    if (p == NULL) {
        post->start = sv->now + ngx_http_fn_post_delay(post, NULL);

        if (post->holder == NULL) {
            ngx_http_fn_post_state(post, NGX_HTTP_FN_SLOT_DOWN);
        }

        ngx_http_fn_supervisor_at(sv, post->start);
        return;
    }

    post->generation++;
    post->start = 0;
    post->renew = 0;

    p->data = post;
    p->deadline = p->started + function->start_timeout;
    ngx_http_fn_supervisor_at(sv, p->deadline);

    ngx_queue_insert_tail(&sv->processes, &p->queue);

    if (post->holder) {
        post->successor = p;

    } else {
        post->slot->restarts += (post->slot->generation != 0);
        post->holder = p;
        ngx_http_fn_post_publish(post, p);
        ngx_http_fn_post_state(post, NGX_HTTP_FN_SLOT_STARTING);
    }

    if (ngx_http_fn_post_sources(p) != NGX_OK) {
        ngx_http_fn_process_kill(p);
    }
}


static ngx_int_t
ngx_http_fn_post_sources(ngx_http_fn_process_t *p)
{
    ngx_uint_t                 i;
    ngx_http_fn_post_t        *post;
    ngx_http_fn_source_t      *source;
    ngx_http_fn_supervisor_t  *sv;

    post = p->data;
    sv = post->crew->supervisor;

    for (i = 0; i < 3; i++) {
        source = &p->streams[i].source;

        source->handler = (i == NGX_HTTP_FN_CONTROL)
                              ? ngx_http_fn_post_control_handler
                              : ngx_http_fn_post_output_handler;

        if (ngx_http_fn_source_add(source, sv->epoll, p->function->log)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_fn_post_publish(ngx_http_fn_post_t *post, ngx_http_fn_process_t *p)
{
    ngx_http_fn_slot_t  *slot;

    slot = post->slot;

    slot->pid = p->pid;
    slot->started = p->started;
    slot->served = 0;
    slot->stuck = 0;

    ngx_memory_barrier();

    slot->generation = p->generation;
}


static void
ngx_http_fn_post_state(ngx_http_fn_post_t *post, ngx_uint_t state)
{
    ngx_http_fn_crew_t  *crew;

    if (post->slot->state == state) {
        return;
    }

    ngx_memory_barrier();

    post->slot->state = state;

    crew = post->crew;
    ngx_http_fn_queue_wake(crew->supervisor->zone, crew->share);
}


void
ngx_http_fn_post_look_process(ngx_http_fn_process_t *p)
{
    ngx_http_fn_post_t        *post;
    ngx_http_fn_function_t    *function;
    ngx_http_fn_supervisor_t  *sv;

    post = p->data;
    function = p->function;
    sv = post->crew->supervisor;

    if (post->slot->broken == p->generation && p->ready && !p->killed) {
        ngx_log_error(NGX_LOG_ERR, function->log, 0,
                      "fn \"%V\" process %P broke the protocol, "
                      "and is replaced", &function->name, p->pid);

        if (p == post->holder) {
            ngx_http_fn_post_state(post, NGX_HTTP_FN_SLOT_STOPPING);
        }

        ngx_http_fn_process_kill(p);
        return;
    }

    if (p->deadline == 0) {
        return;
    }

    if (sv->now < p->deadline) {
        ngx_http_fn_supervisor_at(sv, p->deadline);
        return;
    }

    if (p->stopping) {
        ngx_log_error(NGX_LOG_WARN, function->log, 0,
                      "fn \"%V\" process %P is killed: it did not stop",
                      &function->name, p->pid);

    } else if (!p->failed) {
        ngx_log_error(NGX_LOG_ERR, function->log, 0,
                      "fn \"%V\" process %P is killed: "
                      "it was not ready in %M ms",
                      &function->name, p->pid, function->start_timeout);
    }

    ngx_http_fn_process_kill(p);
}


void
ngx_http_fn_post_changed(ngx_http_fn_post_t *post)
{
    post->failures = 0;

    if (post->start) {
        post->start = post->crew->supervisor->now;
        return;
    }

    post->renew = 1;
}


void
ngx_http_fn_post_close(ngx_http_fn_post_t *post)
{
    post->start = 0;
    post->renew = 0;

    ngx_http_fn_post_state(post, NGX_HTTP_FN_SLOT_STOPPING);
}


void
ngx_http_fn_post_close_process(ngx_http_fn_process_t *p)
{
    ngx_http_fn_post_t  *post;

    post = p->data;

    if (p->killed) {
        return;
    }

    if (!p->ready) {
        ngx_http_fn_process_kill(p);
        return;
    }

    if (!p->stopping) {
        ngx_http_fn_process_stop(p);
    }

    p->deadline = post->crew->supervisor->now + p->function->stop_timeout;
}


static void
ngx_http_fn_post_output_handler(void *data)
{
    ngx_http_fn_stream_t  *stream = data;

    ngx_http_fn_post_t  *post;

    post = stream->process->data;

    ngx_http_fn_output_read(&post->crew->output, stream);
}


static void
ngx_http_fn_post_control_handler(void *data)
{
    ngx_http_fn_stream_t  *stream = data;

    ngx_http_fn_post_control(stream->process);
}


/*
 * The one thing that is read from a runtime by a process that may be root: its
 * first line is compared with what it has to be.  After that nothing is read.
 */

static void
ngx_http_fn_post_control(ngx_http_fn_process_t *p)
{
    u_char                *lf;
    size_t                 len;
    ssize_t                n;
    ngx_http_fn_stream_t  *stream;

    stream = &p->streams[NGX_HTTP_FN_CONTROL];

    n = ngx_http_fn_process_read(stream);

    if (n == NGX_AGAIN) {
        return;
    }

    if (n == 0) {
        ngx_http_fn_source_close(&stream->source);
    }

    lf = ngx_strlchr(stream->buf, stream->buf + stream->len, LF);
    len = lf ? (size_t) (lf - stream->buf) : stream->len;

    if (lf == NULL && n != 0 && len < sizeof(stream->buf)) {
        return;
    }

    ngx_http_fn_source_mute(&stream->source);

    if (lf && len == sizeof(NGX_HTTP_FN_READY) - 1
        && ngx_memcmp(stream->buf, NGX_HTTP_FN_READY, len) == 0)
    {
        ngx_http_fn_post_ready(p);
        return;
    }

    if (len) {
        ngx_http_fn_post_refused(p, len);
    }
}


static void
ngx_http_fn_post_ready(ngx_http_fn_process_t *p)
{
    uint64_t                   now;
    ngx_http_fn_post_t        *post;
    ngx_http_fn_process_t     *old;
    ngx_http_fn_supervisor_t  *sv;

    if (p->killed) {
        return;
    }

    post = p->data;
    sv = post->crew->supervisor;
    now = ngx_http_fn_slot_now();

    p->ready = 1;
    p->deadline = 0;

    ngx_log_error(NGX_LOG_NOTICE, p->function->log, 0,
                  "fn \"%V\" process %P ready in %M ms",
                  &p->function->name, p->pid, (ngx_msec_t) (now - p->started));

    if (p == post->successor) {
        old = post->holder;
        post->holder = p;
        post->successor = NULL;
        post->failures = 0;

        ngx_http_fn_post_publish(post, p);

        if (!old->killed) {
            ngx_http_fn_process_stop(old);
            old->deadline = sv->now + p->function->timeout
                            + p->function->stop_timeout;
        }
    }

    ngx_http_fn_post_state(post, NGX_HTTP_FN_SLOT_READY);
}


static void
ngx_http_fn_post_refused(ngx_http_fn_process_t *p, size_t len)
{
    ngx_str_t            line;
    ngx_http_fn_post_t  *post;
    u_char               buf[NGX_HTTP_FN_LOG_TEXT];

    post = p->data;

    line.data = p->streams[NGX_HTTP_FN_CONTROL].buf;
    line.len = len;

    line = ngx_http_fn_log_escape(buf, &line);

    ngx_log_error(NGX_LOG_ERR, p->function->log, 0,
                  "fn \"%V\" process %P could not start: %V",
                  &p->function->name, p->pid, &line);

    /* it ends by itself, when it has printed what it has to say */

    p->failed = 1;
    p->deadline = post->crew->supervisor->now + p->function->stop_timeout;
}


void
ngx_http_fn_post_exited(ngx_http_fn_process_t *p, int status)
{
    ngx_msec_t                 delay;
    ngx_http_fn_post_t        *post;
    ngx_http_fn_supervisor_t  *sv;

    post = p->data;
    sv = post->crew->supervisor;

    ngx_http_fn_post_drain(p);

    p->gone = 1;
    p->deadline = 0;
    post->left = sv->now;

    delay = NGX_HTTP_FN_DELAY_NEVER;

    if (p == post->successor) {
        post->successor = NULL;

        if (!sv->over) {
            delay = ngx_http_fn_post_delay(post, p);
            post->renew = 1;
            post->start = sv->now + delay;
        }
    }

    if (p == post->holder) {
        delay = ngx_http_fn_post_vacant(post, p);
    }

    ngx_http_fn_post_log_exit(p, status, delay);
}


/* reads what it said last; it may have been ready and gone in one round */

static void
ngx_http_fn_post_drain(ngx_http_fn_process_t *p)
{
    ngx_http_fn_post_t  *post;

    post = p->data;

    if (!p->ready && !p->failed
        && p->streams[NGX_HTTP_FN_CONTROL].source.fd != -1)
    {
        ngx_http_fn_post_control(p);
    }

    ngx_http_fn_output_drain(&post->crew->output, p);

    ngx_http_fn_process_close(p);
}


static ngx_msec_t
ngx_http_fn_post_vacant(ngx_http_fn_post_t *post, ngx_http_fn_process_t *p)
{
    ngx_msec_t                 delay;
    ngx_http_fn_supervisor_t  *sv;

    sv = post->crew->supervisor;

    post->holder = NULL;
    post->slot->pid = 0;

    if (sv->over) {
        return NGX_HTTP_FN_DELAY_NEVER;
    }

    if (post->successor) {
        post->holder = post->successor;
        post->successor = NULL;

        ngx_http_fn_post_publish(post, post->holder);
        ngx_http_fn_post_state(post, NGX_HTTP_FN_SLOT_STARTING);

        return NGX_HTTP_FN_DELAY_NEVER;
    }

    delay = ngx_http_fn_post_delay(post, p);

    post->start = sv->now + delay;

    ngx_http_fn_post_state(post,
                           (p->ready && delay < NGX_HTTP_FN_DELAY_DOWN)
                               ? NGX_HTTP_FN_SLOT_STARTING
                               : NGX_HTTP_FN_SLOT_DOWN);

    return delay;
}


/* p is NULL if it could not be forked */

static ngx_msec_t
ngx_http_fn_post_delay(ngx_http_fn_post_t *post, ngx_http_fn_process_t *p)
{
    uint64_t    lived;
    ngx_uint_t  n;

    if (p && p->ready) {
        lived = post->crew->supervisor->now - p->started;

        if (lived >= NGX_HTTP_FN_HEALTHY
            || (lived >= NGX_HTTP_FN_USEFUL && post->slot->served))
        {
            post->failures = 0;
            return 0;
        }
    }

    n = post->failures++;

    if (n == 0 && p) {
        return 0;
    }

    n = ngx_min(n, 8);

    return ngx_min(NGX_HTTP_FN_DELAY_MIN << (n ? n - 1 : 0),
                   NGX_HTTP_FN_DELAY_MAX);
}


static void
ngx_http_fn_post_log_exit(ngx_http_fn_process_t *p, int status,
    ngx_msec_t delay)
{
    u_char      *pos, *last, buf[64];
    ngx_str_t    next;
    ngx_uint_t   level;

    next.data = buf;
    last = buf + sizeof(buf);
    pos = buf;

    if (!p->ready) {
        pos = ngx_slprintf(pos, last, " before it was ready");
    }

    if (delay == 0) {
        pos = ngx_slprintf(pos, last, ", started again");

    } else if (delay != NGX_HTTP_FN_DELAY_NEVER) {
        pos = ngx_slprintf(pos, last, ", started again in %M ms", delay);
    }

    next.len = pos - buf;

    if (WIFSIGNALED(status)) {
        level = p->killed ? NGX_LOG_NOTICE : NGX_LOG_ALERT;

        ngx_log_error(level, p->function->log, 0,
                      "fn \"%V\" process %P exited on signal %d%V, "
                      "runtime: %V",
                      &p->function->name, p->pid, WTERMSIG(status), &next,
                      &p->function->lang->name);
        return;
    }

    level = (p->stopping && WEXITSTATUS(status) == 0) ? NGX_LOG_NOTICE
                                                      : NGX_LOG_ERR;

    ngx_log_error(level, p->function->log, 0,
                  "fn \"%V\" process %P exited with code %d%V, runtime: %V",
                  &p->function->name, p->pid, WEXITSTATUS(status), &next,
                  &p->function->lang->name);
}
