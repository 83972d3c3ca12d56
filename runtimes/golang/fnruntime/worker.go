package fnruntime

import (
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/nuclio/nuclio-sdk-go"
)

// Handler is nuclio's, and so is InitContext.
type (
	Handler     = func(*nuclio.Context, nuclio.Event) (interface{}, error)
	InitContext = func(*nuclio.Context) error
)

// worker runs events one after the other, in a goroutine of its own.
type worker struct {
	server     *server
	context    *nuclio.Context
	channel    channel
	buffer     []byte // of what is received, and of a stream's chunks
	reply      []byte
	connection *connection // of the event that runs
	id         string
}

func newWorker(s *server, index int) *worker {
	w := &worker{server: s}
	w.channel = channel{settings: s.settings, level: s.settings.level}
	w.context = newContext(s.settings, &w.channel, index)
	return w
}

func (w *worker) run() {
	defer w.goOn()
	w.buffer = make([]byte, pieceMax)
	// several workers take one at a time: what one of them was told no other is
	events := make([]syscall.EpollEvent, 1)
	if w.server.settings.concurrency == 1 {
		events = make([]syscall.EpollEvent, 64)
	}
	for {
		n := w.server.wait(events)
		for _, event := range events[:n] {
			w.ready(int(event.Fd))
		}
	}
}

// goOn is called when a handler ended its goroutine (runtime.Goexit).
func (w *worker) goOn() {
	if w.connection != nil {
		w.fail(goexit(), 0)
		w.finish(w.channel.end(w.reply, nil))
	}
	go w.run()
}

func (w *worker) ready(fd int) {
	if fd == w.server.door.listener {
		w.server.accept()
		return
	}
	c := w.server.take(fd)
	if c == nil {
		return
	}
	e, err := c.receive(w.buffer)
	switch {
	case err == nil:
		w.serve(c, e)
	case err == errAgain:
		w.server.release(c)
	default:
		var errno syscall.Errno
		if err != io.EOF && !errors.As(err, &errno) {
			printRecord(levelError, err.Error(), nil)
		}
		w.server.drop(c)
	}
}

// serve runs the handler and replies.
func (w *worker) serve(c *connection, e *event) {
	w.connection, w.id = c, string(e.GetID())
	w.channel.begin(c, e)
	start := time.Now()
	if e.startBy >= 0 && monotonic(start) > e.startBy {
		w.reply = appendExpired(w.reply[:0], w.id)
		w.finish(w.channel.end(w.reply, nil))
		return
	}
	a, f := w.answer(e)
	duration := time.Since(start).Microseconds()
	switch {
	case f == nil && a.stream != nil:
		w.finish(w.stream(&a, duration))
		return
	case f == nil:
		f = w.respond(&a, duration)
	}
	if f != nil {
		w.fail(f, duration)
		a.body = nil
	}
	w.finish(w.channel.end(w.reply, a.body))
}

// answer calls the handler, and what of its results is the handler's code.
func (w *worker) answer(e *event) (a answer, f *failure) {
	defer recovered(&f)
	return run(w.server.handler, w.context, e.seen())
}

// run makes an answer of what the handler returns.
func run(handler Handler, context *nuclio.Context, e nuclio.Event) (a answer, f *failure) {
	result, err := handler(context, e)
	if err == nil {
		a, err = render(result)
	}
	if err == nil && len(a.headers) > 0 {
		a, err = withFile(a)
	}
	if err != nil {
		if status := statusOf(err); status != 0 {
			return renderError(err, status), nil
		}
		return a, failureOf(err)
	}
	return a, nil
}

// finish ends the event; err is that of sending the reply.
func (w *worker) finish(err error) {
	c := w.connection
	w.connection = nil
	if cap(w.reply) > 4*pieceMax {
		w.reply = nil
	}
	if err != nil {
		w.server.drop(c)
	} else {
		w.server.release(c)
	}
}

// respond makes the line of an answer, and puts a small body behind it.
func (w *worker) respond(a *answer, duration int64) (f *failure) {
	defer recovered(&f) // a header may be a Stringer
	var err error
	w.reply, err = a.appendResponse(w.reply[:0], w.id, duration, w.server.settings.lineMax)
	if err != nil {
		return failureOf(err)
	}
	return nil
}

// fail makes the line of a failure.
func (w *worker) fail(f *failure, duration int64) {
	w.reply = appendError(w.reply[:0], w.id, f, duration, w.server.settings.lineMax)
}

// stream sends an answer in chunks (PROTOCOL 5.6).  The line goes with the first
// of them: an error so early is a whole reply.
func (w *worker) stream(a *answer, duration int64) error {
	defer closeStream(a.stream)
	n, f := w.next(a.stream)
	if f == nil {
		f = w.respond(a, duration)
	}
	for f == nil && n > 0 {
		w.reply = append(appendChunk(w.reply, n), w.buffer[:n]...)
		if err := w.channel.send(w.reply); err != nil {
			w.channel.end(nil, nil)
			return err
		}
		w.reply = w.reply[:0]
		n, f = w.next(a.stream)
	}
	if f != nil {
		w.fail(f, duration)
	} else {
		w.reply = append(w.reply, endLine...)
	}
	return w.channel.end(w.reply, nil)
}

// next reads a chunk into the buffer; 0 is the end.
func (w *worker) next(stream io.Reader) (n int, f *failure) {
	return next(stream, w.buffer)
}

func next(stream io.Reader, buffer []byte) (n int, f *failure) {
	defer recovered(&f)
	for {
		n, err := stream.Read(buffer)
		switch {
		case n > 0: // an error comes again
			return n, nil
		case err == io.EOF:
			return 0, nil
		case err != nil:
			return 0, failureOf(err)
		}
	}
}

func closeStream(stream io.Reader) {
	var ignored *failure
	defer recovered(&ignored)
	if closer, ok := stream.(io.Closer); ok {
		closer.Close()
	}
}
