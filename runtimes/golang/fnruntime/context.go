package fnruntime

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/nuclio/nuclio-sdk-go"
)

// newContext is one of a process's contexts, which differ in WorkerID.
func newContext(s *settings, to *channel, index int) *nuclio.Context {
	name := os.Getenv("NUCLIO_FUNCTION_NAME")
	if name == "" {
		name = s.name
	}
	return &nuclio.Context{
		Logger:              &eventLogger{channel: to},
		DataBinding:         map[string]nuclio.DataBinding{},
		Platform:            nuclio.NewCallingPlatform(caller(s.call)),
		WorkerID:            s.slot*s.concurrency + index,
		FunctionName:        name,
		TriggerKind:         "http",
		TriggerName:         s.name,
		WorkerAllocatorName: s.name,
	}
}

// CLOCK_MONOTONIC (1) at the time of epoch, as start_by has it; package time reads
// the same clock, but doesn't show it.
var epoch, epochNano = func() (time.Time, int64) {
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&now)), 0)
	return time.Now(), now.Nano()
}()

// monotonic is t on CLOCK_MONOTONIC, in ms, rounded down (PROTOCOL 4.3).
func monotonic(t time.Time) int64 {
	return (epochNano + int64(t.Sub(epoch))) / 1e6
}
