// Package fnruntime is the golang runtime: what a function's generated main()
// calls.  ../README has its files in reading order.
package fnruntime

import (
	"os"
	"runtime/debug"
)

const stackMax = 1 << 28 // bytes: a recursion without end fails before the machine does

// Run serves a function as ../PROTOCOL says; initContext may be nil.
func Run(handler Handler, initContext InitContext) {
	debug.SetMaxStack(stackMax)
	door, err := openDoor(os.Args[1:])
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	server, f := start(door, handler, initContext)
	if f != nil {
		os.Stderr.WriteString(f.name + ": " + f.message + "\n" + f.stack + "\n")
		door.say(appendRefusal(nil, f))
		os.Exit(1)
	}
	door.say([]byte(readyLine))
	server.run()
	os.Exit(0)
}

// start makes a server, with InitContext called for each context.
func start(d *door, handler Handler, initContext InitContext) (s *server, f *failure) {
	defer recovered(&f)
	settings, err := readSettings()
	if err != nil {
		return nil, failureOf(err)
	}
	if s, err = newServer(d, &settings, handler); err != nil {
		return nil, failureOf(err)
	}
	for i := 0; i < settings.concurrency; i++ {
		w := newWorker(s, i)
		if initContext != nil {
			if err := initContext(w.context); err != nil {
				return nil, failureOf(err)
			}
		}
		s.rest = append([]*worker{w}, s.rest...)
	}
	return s, nil
}
