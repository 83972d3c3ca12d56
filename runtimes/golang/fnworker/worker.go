// Package fnworker is the golang runtime inside of nginx's worker: what nginx calls
// through ../../c/fn.h, and what Go calls there.  The answers are fnruntime's.
package fnworker

// #include "worker.h"
import "C"

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"fnruntime"

	"github.com/nuclio/nuclio-sdk-go"
)

const (
	bodyMax    = 65536 // bytes of a body that is kept until the next event
	headersMax = 4096  // bytes: most requests have less
)

var (
	handler     fnruntime.Handler
	initContext fnruntime.InitContext
)

// Register says what the function is; initContext may be nil.
func Register(h fnruntime.Handler, i fnruntime.InitContext) {
	handler, initContext = h, i
}

// thread is a thread of nginx's, and how its contexts reach nginx.
type thread struct {
	worker   *C.fn_worker_t
	contexts []*context
}

// context is one of nginx's, of this thread.
type context struct {
	worker  *C.fn_worker_t
	nginx   *C.fn_context_t
	runtime *fnruntime.InWorker
	headers [headersMax]byte
}

//export fnWorker
func fnWorker(worker *C.fn_worker_t) {
	t := &thread{worker: worker}
	C.fn_worker_wait(worker, C.FN_OK)
	t.run()
}

// run serves the calls of nginx.  A handler that ends its goroutine does not end this
// one: it goes on in a deferred call.
func (t *thread) run() {
	defer func() {
		t.goexit()
		t.run()
	}()
	for {
		switch t.worker.call {
		case C.FN_WORKER_INIT:
			t.init()
		case C.FN_WORKER_EVENT:
			t.serve(t.context())
		default:
			closeOutput()
			C.fn_worker_wait(t.worker, C.FN_OK)
		}
	}
}

// context is that of the event.
func (t *thread) context() *context {
	return t.contexts[*userData(t.worker.context)-1]
}

func (t *thread) init() {
	c := &context{worker: t.worker, nginx: t.worker.context}
	openOutput(c.nginx)
	runtime, refusal := fnruntime.NewInWorker(handler, initContext, c, nextIndex(), t.caller())
	if refusal.Failed {
		c.Record(false, levelError, refusal.Error+": "+refusal.Message, nil)
		if refusal.Details != "" {
			c.Record(false, levelError, refusal.Details, nil)
		}
		C.fn_worker_wait(t.worker, C.FN_ERROR)
		return
	}
	c.runtime = runtime
	t.contexts = append(t.contexts, c)
	*userData(c.nginx) = uintptr(len(t.contexts))
	C.fn_worker_wait(t.worker, C.FN_OK)
}

// caller is nil where functions can be called.  The answer of a function may need
// the very worker that waits for it.
func (t *thread) caller() nuclio.CallFunction {
	if t.worker.loop == 0 {
		return nil
	}
	return func(string, nuclio.Event) (nuclio.Response, error) {
		return nuclio.Response{}, errors.New(`a function in the worker can call others on "threads" only`)
	}
}

// serve runs an event, and returns with the next.
func (t *thread) serve(c *context) {
	level := ""
	if field := &t.worker.field[C.FN_EVENT_LOG_LEVEL-1]; field.len > 0 {
		level = textOf(*field)
	}
	t.reply(c, c.runtime.Serve(level, t.worker.cloud != 0))
}

func (t *thread) goexit() {
	if t.worker.call == C.FN_WORKER_INIT {
		(&context{nginx: t.worker.context}).Record(false, levelError, "InitContext ended its goroutine", nil)
		C.fn_worker_wait(t.worker, C.FN_ERROR)
		return
	}
	c := t.context()
	t.reply(c, c.runtime.Goexit())
}

func (t *thread) reply(c *context, r fnruntime.Reply) {
	if !r.Failed && len(r.Body) > bodyMax {
		if err := c.Write(r.Body); err != nil {
			r = fnruntime.Reply{Failed: true, Message: err.Error()}
		}
		r.Body = nil
	}
	if r.Failed {
		C.fn_worker_fail(t.worker, pointer(r.Error), C.size_t(len(r.Error)), pointer(r.Message),
			C.size_t(len(r.Message)), pointer(r.Details), C.size_t(len(r.Details)))
		return
	}
	C.fn_worker_reply(t.worker, C.uint(r.Status), bytesPointer(r.Head), C.size_t(len(r.Head)),
		bytesPointer(r.Body), C.size_t(len(r.Body)))
}

// The methods below are fnruntime.Nginx.

func (c *context) Line() (line fnruntime.Line) {
	fields := &c.worker.field
	total := 0
	for i := range fields {
		total += int(fields[i].len)
	}
	all := make([]byte, 0, total)
	for i := range fields {
		all = append(all, view(fields[i])...)
	}
	text := asString(all) // nobody has the bytes but it
	take := func(i int) (part string) {
		part, text = text[:fields[i].len], text[fields[i].len:]
		return part
	}
	line.Method, line.Path, line.Query, line.RemoteAddr = take(0), take(1), take(2), take(3)
	line.Milliseconds = int64(c.worker.timestamp)
	return line
}

func (c *context) ID() string { return textOf(C.fn_worker_id(c.worker)) }

func (c *context) Headers() []string {
	data := c.headers[:]
	n := C.fn_worker_headers(c.worker, bytesPointer(data), C.size_t(len(data)))
	if int(n) > len(data) {
		data = make([]byte, n)
		C.fn_worker_headers(c.worker, bytesPointer(data), n)
	}
	all := string(data[:n])
	headers := make([]string, 0, 16)
	for at := 0; at < len(all); {
		name := int(binary.BigEndian.Uint32(data[at:]))
		value := int(binary.BigEndian.Uint32(data[at+4:]))
		at += 8
		headers = append(headers, all[at:at+name], all[at+name:at+name+value])
		at += name + value
	}
	return headers
}

func (c *context) Body() ([]byte, error) {
	body := make([]byte, C.fn_worker_body_length(c.worker))
	for filled := 0; filled < len(body); {
		rest := body[filled:]
		n := C.fn_worker_body(c.worker, C.int64_t(filled), bytesPointer(rest), C.size_t(len(rest)))
		if n <= 0 {
			return nil, errors.New("the body of the request can't be read")
		}
		filled += int(n)
	}
	return body, nil
}

func (c *context) Write(data []byte) error {
	if C.fn_worker_write(c.worker, bytesPointer(data), C.size_t(len(data))) != C.FN_OK {
		return errors.New("the body of the response could not be kept")
	}
	return nil
}

// Levels of records, in fnruntime's order.
const levelError = 3

var levels = [...]C.int{C.FN_LOG_DEBUG, C.FN_LOG_INFO, C.FN_LOG_WARN, C.FN_LOG_ERROR}

func (c *context) Record(ofEvent bool, level int, message string, with []byte) {
	var event *C.fn_event_t
	if ofEvent {
		event = c.worker.event
	}
	C.fn_worker_record(c.nginx, event, levels[level], pointer(message), C.size_t(len(message)),
		bytesPointer(with), C.size_t(len(with)))
}

// view is s as it is in C.
func view(s C.fn_str_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(s.data)), int(s.len))
}

func textOf(s C.fn_str_t) string { return string(view(s)) }

// userData is the context's own word in nginx, no pointer: which of the thread's it
// is, from 1.
func userData(context *C.fn_context_t) *uintptr {
	return (*uintptr)(unsafe.Pointer(&context.user_data))
}

// bytesPointer and pointer are for C functions that keep nothing.
func bytesPointer(data []byte) *C.char {
	if len(data) == 0 {
		return nil
	}
	return (*C.char)(unsafe.Pointer(&data[0]))
}

func pointer(text string) *C.char {
	return (*C.char)(*(*unsafe.Pointer)(unsafe.Pointer(&text)))
}

// asString is data as a string: nobody may write to it any more.
func asString(data []byte) string {
	return *(*string)(unsafe.Pointer(&data))
}
