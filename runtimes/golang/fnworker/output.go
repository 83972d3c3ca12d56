package fnworker

// #include "worker.h"
import "C"

import (
	"bufio"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// What the function prints is logged line by line, as what a process prints: without
// the event, at level notice and error.

const levelNotice = 6 // nginx's, between FN_LOG_WARN and FN_LOG_INFO

var (
	opened  sync.Once
	reading sync.WaitGroup
	made    int32 // contexts

	nginx = [...]*os.File{os.Stdout, os.Stderr} // would be closed if nobody had them
)

func nextIndex() int { return int(atomic.AddInt32(&made, 1)) - 1 }

func openOutput(context *C.fn_context_t) {
	opened.Do(func() {
		os.Args = []string{os.Getenv("FN_TARGET")}
		os.Stdout = logged(os.Stdout, context, levelNotice)
		was := os.Stderr
		os.Stderr = logged(was, context, C.FN_LOG_ERROR)
		if log.Writer() == was {
			log.SetOutput(os.Stderr)
		}
	})
}

// logged returns a file instead of was, whose lines are records.
func logged(was *os.File, context *C.fn_context_t, level C.int) *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		return was
	}
	reading.Add(1)
	go func() {
		defer reading.Done()
		readLines(bufio.NewReader(r), context, level)
	}()
	return w
}

func readLines(r *bufio.Reader, context *C.fn_context_t, level C.int) {
	for {
		line, _, err := r.ReadLine()
		if err != nil {
			return
		}
		C.fn_worker_record(context, nil, level, bytesPointer(line), C.size_t(len(line)), nil, 0)
	}
}

// closeOutput waits until what was printed is logged, but not for what goes on.
func closeOutput() {
	os.Stdout.Close()
	os.Stderr.Close()
	done := make(chan struct{})
	go func() {
		reading.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}
