package errors

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestErrorStacks(t *testing.T) {
	err := Wrapf(Wrap(io.EOF, "inner"), "outer %d", 1)
	if err.Error() != "outer 1" || fmt.Sprint(err) != "outer 1" || fmt.Sprintf("%q", err) != `"outer 1"` {
		t.Error(err)
	}
	if Cause(err).Error() != "inner" || RootCause(err) != io.EOF || Cause(io.EOF) != io.EOF || !Is(err, io.EOF) {
		t.Error("causes")
	}
	if stack := GetErrorStack(err, -1); len(stack) != 3 || stack[0] != io.EOF || stack[2] != err {
		t.Error(stack)
	}
	if stack := GetErrorStack(err, 2); len(stack) != 2 {
		t.Error(stack)
	}
	text := fmt.Sprintf("%+v", err)
	if !strings.Contains(text, "Error - EOF") || !strings.Contains(text, "errors_test.go:11") {
		t.Error(text)
	}
	if Wrap(nil, "x") != nil || Wrapf(nil, "x") != nil || Cause(nil) != nil || GetErrorStackString(nil, 1) != "" {
		t.Error("of no error is no error")
	}
}
