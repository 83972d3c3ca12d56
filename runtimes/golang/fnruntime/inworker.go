package fnruntime

import (
	"io"
	"runtime/debug"

	"github.com/nuclio/nuclio-sdk-go"
)

// Functions that run in nginx's worker: the same events, answers and records, and
// nginx's functions instead of a socket.  ../fnworker calls what is exported here.

// Nginx is the other side of a context.  It is asked by one goroutine at a time,
// and about an event only while that runs.
type Nginx interface {
	Line() Line
	ID() string
	Headers() []string // names and values in turn
	Body() ([]byte, error)
	Write(data []byte) error // a piece of the answer's body
	Record(ofEvent bool, level int, message string, with []byte)
}

// Line is what every request has.
type Line struct {
	Method, Path, Query, RemoteAddr string
	Milliseconds                    int64 // since the epoch
}

// part is what is fetched from nginx at once, when it is first read.
type part uint8

const (
	partLine part = 1 << iota
	partID
	partHeaders
	partBody
)

// parts says what of an event was fetched.
type parts struct {
	from         *channel
	has          part
	milliseconds int64
}

// workerEvent is an event whose parts are fetched.
type workerEvent struct {
	event
	parts parts
}

// InWorker is a function's context in a worker.
type InWorker struct {
	context *nuclio.Context
	handler Handler
	channel channel
	trigger trigger
	head    []byte
	buffer  []byte // of a stream's pieces
}

// Reply is what is sent when the handler has returned.
type Reply struct {
	Status int
	Head   []byte // headers: length of name and of value in two bytes each, both
	Body   []byte // behind what was written

	Failed                  bool
	Error, Message, Details string
}

// NewInWorker makes the context of this index; the failure is InitContext's.  The
// environment is the function's by now.
func NewInWorker(handler Handler, initContext InitContext, nginx Nginx, index int,
	call nuclio.CallFunction) (w *InWorker, refusal Reply) {
	debug.SetMaxStack(stackMax)
	settings, err := readSettings()
	if err != nil {
		return nil, failed(failureOf(err))
	}
	w = &InWorker{handler: handler, trigger: trigger{"http", settings.name}}
	w.channel = channel{settings: &settings, level: settings.level, nginx: nginx}
	w.context = newContext(&settings, &w.channel, 0)
	w.context.WorkerID += index << 16
	if call != nil {
		w.context.Platform = nuclio.NewCallingPlatform(call)
	}
	if f := w.init(initContext); f != nil {
		return nil, failed(f)
	}
	return w, Reply{}
}

func (w *InWorker) init(initContext InitContext) (f *failure) {
	defer recovered(&f)
	if initContext == nil {
		return nil
	}
	if err := initContext(w.context); err != nil {
		return failureOf(err)
	}
	return nil
}

// Serve runs the handler; cloud says that the event carries a CloudEvent.
func (w *InWorker) Serve(level string, cloud bool) Reply {
	lazy := &workerEvent{event: event{trigger: w.trigger}, parts: parts{from: &w.channel}}
	e := &lazy.event
	e.parts = &lazy.parts
	e.SetTriggerInfoProvider(&e.trigger)
	w.channel.start(e, level)
	reply := w.answer(e, cloud)
	if err := w.channel.stop(); err != nil {
		return failed(failureOf(err))
	}
	return reply
}

// Goexit is what is sent when a handler ended its goroutine.
func (w *InWorker) Goexit() Reply {
	w.channel.stop()
	return failed(goexit())
}

func (w *InWorker) answer(e *event, cloud bool) (reply Reply) {
	a, f := w.run(e, cloud)
	if f == nil {
		reply, f = w.reply(&a)
	}
	if f != nil {
		return failed(f)
	}
	return reply
}

// run calls the handler, and what of its results is the handler's code.
func (w *InWorker) run(e *event, cloud bool) (a answer, f *failure) {
	defer recovered(&f)
	var seen nuclio.Event = e
	if cloud {
		seen = e.seen()
	}
	a, f = run(w.handler, w.context, seen)
	if f == nil && a.stream != nil {
		f = w.copy(a.stream)
	}
	return a, f
}

// copy writes a body to nginx, which sends it when it has all.
func (w *InWorker) copy(stream io.Reader) *failure {
	defer closeStream(stream)
	if w.buffer == nil {
		w.buffer = make([]byte, pieceMax)
	}
	n, f := next(stream, w.buffer)
	for ; f == nil && n > 0; n, f = next(stream, w.buffer) {
		if err := w.channel.write(w.buffer[:n]); err != nil {
			return failureOf(err)
		}
	}
	return f
}

func (w *InWorker) reply(a *answer) (reply Reply, f *failure) {
	defer recovered(&f) // a header may be a Stringer
	var contentType string
	status, err := a.theStatus()
	if err == nil {
		contentType, err = a.theType()
	}
	if err == nil {
		w.head = appendLengths(w.head[:0], "Content-Type", contentType, 0, 1)
	}
	if err == nil && len(a.headers) > 0 {
		w.head, err = a.appendHeaders(w.head, appendLengths)
	}
	if err != nil {
		return reply, failureOf(err)
	}
	return Reply{Status: status, Head: w.head, Body: a.body}, nil
}

// appendLengths is the form of headers in a Reply.
func appendLengths(line []byte, name, value string, i, n int) []byte {
	line = append(line, byte(len(name)>>8), byte(len(name)), byte(len(value)>>8), byte(len(value)))
	return append(append(line, name...), value...)
}

func failed(f *failure) Reply {
	return Reply{Failed: true, Error: f.name, Message: f.message, Details: f.stack}
}

func (c *channel) start(e *event, level string) {
	c.mutex.Lock()
	c.running = e
	c.level = levelOf(level, c.settings.level)
	c.mutex.Unlock()
}

// stop returns why the event could not be read.
func (c *channel) stop() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	err := c.broken
	c.running, c.broken = nil, nil
	c.level = c.settings.level
	return err
}

// write is called while an event runs.
func (c *channel) write(data []byte) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.nginx.Write(data)
}

// with returns the event with a part of it.
func (e *event) with(what part) *event {
	if e.parts != nil {
		e.parts.from.fetch(e, what)
	}
	return e
}

// fetch is called by any goroutine at any time.  An event that has ended is no more:
// what was not read of it is empty.
func (c *channel) fetch(e *event, what part) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if e.parts.has&what != 0 {
		return
	}
	e.parts.has |= what
	if c.running != e {
		c.nginx.Record(c.running != nil, levelError, "an event was read after its handler had returned: "+
			"what was not read before is empty", nil)
		return
	}
	switch what {
	case partLine:
		line := c.nginx.Line()
		e.method, e.path, e.query = line.Method, line.Path, line.Query
		e.remoteAddr, e.parts.milliseconds = line.RemoteAddr, line.Milliseconds
	case partID:
		e.SetID(nuclio.ID(c.nginx.ID()))
	case partHeaders:
		headers := c.nginx.Headers()
		e.headers = make([]field, len(headers)/2)
		for i := range e.headers {
			e.headers[i] = field{canonical(headers[2*i]), headers[2*i+1]}
		}
	case partBody:
		e.body, c.broken = c.nginx.Body()
	}
}
