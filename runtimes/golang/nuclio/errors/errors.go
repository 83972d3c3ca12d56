// Package errors has errors that know where they were made and what caused them,
// under the import path that functions written for nuclio use.
//
// "%+v" prints an error with its causes and their places.
package errors

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// ShowLineInfo says whether new errors remember their place.  It is off when
// NUCLIO_NO_ERROR_LINE_INFO is set.
var ShowLineInfo = os.Getenv("NUCLIO_NO_ERROR_LINE_INFO") == ""

// Error is a message with its cause, if any, and the place where it was made.
type Error struct {
	message string
	cause   error
	file    string
	line    int
}

// New returns an error with this message.
func New(message string) error {
	return located(message, nil)
}

// Errorf returns an error with a formatted message.
func Errorf(format string, args ...interface{}) error {
	return located(fmt.Sprintf(format, args...), nil)
}

// Wrap returns an error whose cause is err; nil when err is nil.
func Wrap(err error, message string) error {
	if err == nil {
		return nil
	}
	return located(message, err)
}

// Wrapf is Wrap with a formatted message.
func Wrapf(err error, format string, args ...interface{}) error {
	if err == nil {
		return nil
	}
	return located(fmt.Sprintf(format, args...), err)
}

// located is called by the functions above alone: it skips their frame.
func located(message string, cause error) error {
	err := &Error{message: message, cause: cause}
	if ShowLineInfo {
		_, err.file, err.line, _ = runtime.Caller(2)
	}
	return err
}

// Is is errors.Is of the standard library.
func Is(err, target error) bool {
	return errors.Is(err, target)
}

// Error returns the message, without those of the causes.
func (err *Error) Error() string {
	return err.message
}

// Cause returns what was wrapped, or nil.
func (err *Error) Cause() error {
	return err.cause
}

// Unwrap is Cause under the name that the standard library looks for.
func (err *Error) Unwrap() error {
	return err.cause
}

// LineInfo returns the file and line where the error was made.
func (err *Error) LineInfo() (string, int) {
	return err.file, err.line
}

// Format prints the message, and with "%+v" the stack of causes.
func (err *Error) Format(state fmt.State, verb rune) {
	switch {
	case verb == 'v' && state.Flag('+'):
		PrintErrorStack(state, err, -1)
	case verb == 'q':
		fmt.Fprintf(state, "%q", err.message)
	default:
		io.WriteString(state, err.message)
	}
}

// Cause returns the cause of err, or err itself when it has none.
func Cause(err error) error {
	if wrapped, ok := err.(*Error); ok && wrapped.cause != nil {
		return wrapped.cause
	}
	return err
}

// RootCause returns the first cause of all.
func RootCause(err error) error {
	for {
		wrapped, ok := err.(*Error)
		if !ok || wrapped.cause == nil {
			return err
		}
		err = wrapped.cause
	}
}

// GetErrorStack returns err and its causes, the first cause first; of more than
// depth errors, the first depth.  With a depth below 1 it returns all.
func GetErrorStack(err error, depth int) []error {
	stack := []error{err}
	for wrapped, ok := err.(*Error); ok && wrapped.cause != nil; {
		stack = append([]error{wrapped.cause}, stack...)
		wrapped, ok = wrapped.cause.(*Error)
	}
	if depth > 0 && depth < len(stack) {
		stack = stack[:depth]
	}
	return stack
}

// GetErrorStackString is what PrintErrorStack prints.
func GetErrorStackString(err error, depth int) string {
	var text strings.Builder
	PrintErrorStack(&text, err, depth)
	return text.String()
}

// PrintErrorStack writes the messages and places of GetErrorStack to out.
func PrintErrorStack(out io.Writer, err error, depth int) {
	if err == nil {
		return
	}
	stack := GetErrorStack(err, depth)
	fmt.Fprintf(out, "\nError - %s\nCall stack:", stack[0].Error())
	for _, one := range stack {
		fmt.Fprintf(out, "\n%s", one.Error())
		if located, ok := one.(*Error); ok && located.line != 0 {
			fmt.Fprintf(out, "\n    %s:%d", located.file, located.line)
		}
	}
	io.WriteString(out, "\n")
}
