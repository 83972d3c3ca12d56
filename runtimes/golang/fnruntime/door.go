package fnruntime

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const acceptMax = 16 // connections at one wake up: events wait meanwhile

// door is where nginx comes in: the listening socket and the control socket.
type door struct {
	listener int
	control  int           // -1: started with --listen
	stop     chan struct{} // closed when the process is told to stop
}

func openDoor(arguments []string) (*door, error) {
	switch {
	case len(arguments) == 0:
		return inheritDoor()
	case len(arguments) == 2 && arguments[0] == "--listen":
		return listen(arguments[1])
	}
	return nil, errors.New("usage: fn_golang [--listen unix:PATH|HOST:PORT]")
}

// inheritDoor takes descriptors 3 and 4, PROTOCOL 1.1.
func inheritDoor() (*door, error) {
	d := &door{3, 4, make(chan struct{})}
	if err := syscall.SetNonblock(d.listener, true); err != nil {
		return nil, os.NewSyscallError("descriptor 3", err)
	}
	if err := syscall.SetNonblock(d.control, false); err != nil {
		return nil, os.NewSyscallError("descriptor 4", err)
	}
	syscall.CloseOnExec(d.listener)
	syscall.CloseOnExec(d.control)
	go d.readControl()
	return d, nil
}

// listen makes a socket of its own, PROTOCOL 1.3; SIGTERM tells it to stop.
func listen(address string) (*door, error) {
	to, family, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	const flags = syscall.SOCK_STREAM | syscall.SOCK_CLOEXEC | syscall.SOCK_NONBLOCK
	fd, err := syscall.Socket(family, flags, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if family == syscall.AF_UNIX {
		os.Remove(strings.TrimPrefix(address, "unix:"))
	} else {
		syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	if err := syscall.Bind(fd, to); err != nil {
		return nil, fmt.Errorf("bind(%q) failed: %w", address, err)
	}
	if err := syscall.Listen(fd, 511); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	d := &door{fd, -1, make(chan struct{})}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		close(d.stop)
	}()
	return d, nil
}

// say writes to nginx; started with --listen there is nobody to hear it.
func (d *door) say(line []byte) {
	if d.control >= 0 {
		syscall.Write(d.control, line)
	}
}

// readControl ends the process when nginx is gone, whatever it does (PROTOCOL 2.4):
// it waits in a thread of its own.
func (d *door) readControl() {
	buffer := make([]byte, 4096)
	line := ""
	for {
		n, err := syscall.Read(d.control, buffer)
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 {
			os.Exit(0)
		}
		line += string(buffer[:n])
		for {
			first, rest, found := strings.Cut(line, "\n")
			if !found {
				break
			}
			d.obey(first)
			line = rest
		}
	}
}

func (d *door) obey(line string) {
	word := ""
	s := scanner{text: line}
	s.members(func(name string) {
		if name == "type" {
			word = s.bytes()
		} else {
			s.skip()
		}
	})
	if word != "stop" || s.failed {
		printRecord(levelError, fmt.Sprintf("unknown control line %.80q", line), nil)
		return
	}
	select {
	case <-d.stop:
	default:
		close(d.stop)
	}
}

// accept returns a connection that waits, or -1.
func (d *door) accept() int {
	fd, from, err := syscall.Accept4(d.listener, syscall.SOCK_CLOEXEC)
	switch err {
	case nil:
	case syscall.EAGAIN, syscall.EINTR, syscall.ECONNABORTED:
		return -1
	default:
		printRecord(levelError, fmt.Sprintf("accept() failed: %v", err), nil)
		time.Sleep(50 * time.Millisecond) // too many open files do not pass at once
		return -1
	}
	if _, unix := from.(*syscall.SockaddrUnix); !unix {
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	if fd < 3 {
		// user code closed 0, 1 or 2, and may write there yet
		n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 5)
		syscall.Close(fd)
		if errno != 0 {
			return -1
		}
		fd = int(n)
	}
	return fd
}
