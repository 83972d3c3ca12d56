package fnruntime

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/nuclio/nuclio-sdk-go"
)

// failure is what an error reply says (PROTOCOL 5.8).
type failure struct {
	name, message, stack string
}

// failureOf is an error that the handler returned.  Errors of packages that know
// where an error was made print that with "%+v".
func failureOf(err error) *failure {
	f := &failure{name: fmt.Sprintf("%T", err), message: err.Error()}
	if _, ok := err.(fmt.Formatter); ok {
		f.stack = fmt.Sprintf("%+v", err)
	}
	return f
}

// recovered is deferred where code of the handler is called.
func recovered(f **failure) {
	if value := recover(); value != nil {
		*f = &failure{name: "panic", message: fmt.Sprint(value), stack: stack()}
		if _, ok := value.(error); ok {
			(*f).name = fmt.Sprintf("%T", value)
		}
	}
}

// goexit is the failure of a handler that ended its goroutine.
func goexit() *failure {
	return &failure{name: "Goexit", message: "the handler ended its goroutine"}
}

// stack is that of a panic, without the frames of the runtime.
func stack() string {
	buffer := make([]byte, 32768)
	text := string(buffer[:runtime.Stack(buffer, false)])
	if _, after, ok := strings.Cut(text, "\npanic("); ok {
		if _, frames, ok := strings.Cut(after, "\n\t"); ok {
			_, text, _ = strings.Cut(frames, "\n")
		}
	}
	text, _, _ = strings.Cut(text, "\nfnruntime.")
	return text
}

// statusOf is the status of nuclio's errors, 0 of others: many packages have errors
// with a StatusCode that is not meant for our client.
func statusOf(err error) int {
	var value nuclio.ErrorWithStatusCode
	var pointer *nuclio.ErrorWithStatusCode
	switch {
	case errors.As(err, &pointer):
		return pointer.StatusCode()
	case errors.As(err, &value):
		return value.StatusCode()
	}
	return 0
}
