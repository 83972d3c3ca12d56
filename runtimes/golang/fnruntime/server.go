package fnruntime

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// server has the connections.  Its workers wait for them on one epoll descriptor,
// each in the kernel: so one reads an event only when it can run it (PROTOCOL 4.4),
// and nothing is handed from one to another.
type server struct {
	door     *door
	settings *settings
	handler  Handler
	epoll    int
	waiting  int32         // workers in epoll_wait; atomic
	done     chan struct{} // closed when it was stopped and the last event has ended

	mutex       sync.Mutex
	connections map[int]*connection // by descriptor
	rest        []*worker           // that have not been needed yet
	stopping    bool
}

func newServer(d *door, s *settings, handler Handler) (*server, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &server{door: d, settings: s, handler: handler, epoll: epoll,
		connections: make(map[int]*connection), done: make(chan struct{})}, nil
}

// run returns when the process was told to stop and the events in flight have ended.
func (s *server) run() {
	s.watch(s.door.listener, syscall.EPOLL_CTL_ADD)
	s.startWorker()
	<-s.door.stop
	s.stop()
	<-s.done
}

// startWorker starts one of the workers that rest, if there is one.
func (s *server) startWorker() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if last := len(s.rest) - 1; last >= 0 {
		go s.rest[last].run()
		s.rest = s.rest[:last]
	}
}

// watch waits for fd.  With several workers a descriptor wakes one of them, and is
// then silent until it is watched again.
func (s *server) watch(fd int, operation int) {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	if s.settings.concurrency > 1 {
		event.Events |= syscall.EPOLLONESHOT
	}
	if err := syscall.EpollCtl(s.epoll, operation, fd, &event); err != nil {
		printRecord(levelError, fmt.Sprintf("epoll_ctl() failed: %v", err), nil)
	}
}

func (s *server) watchAgain(fd int) {
	if s.settings.concurrency > 1 {
		s.watch(fd, syscall.EPOLL_CTL_MOD)
	}
}

// accept takes the connections that wait, at most some.
func (s *server) accept() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.stopping {
		return
	}
	for i := 0; i < acceptMax; i++ {
		fd := s.door.accept()
		if fd < 0 {
			break
		}
		s.connections[fd] = &connection{fd: fd}
		s.watch(fd, syscall.EPOLL_CTL_ADD)
	}
	s.watchAgain(s.door.listener)
}

// take returns the connection of fd for the worker's own; nil if there is none.
func (s *server) take(fd int) *connection {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	c := s.connections[fd]
	if c == nil || c.busy {
		return nil
	}
	c.busy = true
	return c
}

// release gives a connection back, for its next event or the rest of this one.
func (s *server) release(c *connection) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	c.busy = false
	if s.stopping && !c.begun() {
		s.close(c)
		return
	}
	s.watchAgain(c.fd)
}

// drop ends a connection that is the worker's.
func (s *server) drop(c *connection) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.close(c)
}

func (s *server) close(c *connection) {
	syscall.Close(c.fd)
	delete(s.connections, c.fd)
	s.leaveIfDone()
}

// stop closes the listening socket and the idle connections (PROTOCOL 2.3).
func (s *server) stop() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.stopping = true
	syscall.Close(s.door.listener)
	for _, c := range s.connections {
		if !c.busy && !c.begun() {
			syscall.Close(c.fd)
			delete(s.connections, c.fd)
		}
	}
	s.leaveIfDone()
}

func (s *server) leaveIfDone() {
	if s.stopping && len(s.connections) == 0 {
		close(s.done)
	}
}

// wait returns how many of events are ready.
func (s *server) wait(events []syscall.EpollEvent) int {
	atomic.AddInt32(&s.waiting, 1)
	n, err := syscall.EpollWait(s.epoll, events, -1)
	for err == syscall.EINTR {
		n, err = syscall.EpollWait(s.epoll, events, -1)
	}
	if atomic.AddInt32(&s.waiting, -1) == 0 && s.settings.concurrency > 1 {
		s.startWorker()
	}
	if err != nil {
		printRecord(levelError, fmt.Sprintf("epoll_wait() failed: %v", err), nil)
		os.Exit(1)
	}
	return n
}
