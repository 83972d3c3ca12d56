package fnruntime

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"unsafe"
)

const pieceMax = 65536 // bytes received at once; a reply up to this size is sent as one

// connection is one of nginx's: events in, replies out.  Its socket blocks; it is
// read only when it is readable.
type connection struct {
	fd     int
	busy   bool   // a worker has it; guarded by the server's mutex
	line   []byte // the beginning of a line
	event  *event // whose body is not complete
	filled int    // bytes of that body
}

var (
	errAgain = errors.New("nothing to read yet")
	errLong  = errors.New("the event's line is too long")
	errRest  = errors.New("bytes behind the event")
)

// begun says that a part of an event was read (PROTOCOL 2.3).
func (c *connection) begun() bool {
	return len(c.line) > 0 || c.event != nil
}

// receive returns the event when all of it is there, else errAgain.  Any other
// error ends the connection.
func (c *connection) receive(buffer []byte) (*event, error) {
	if c.event != nil {
		return c.receiveBody()
	}
	n, err := c.recv(buffer)
	if err != nil {
		return nil, err
	}
	data := buffer[:n]
	if len(c.line) > 0 {
		data = append(c.line, data...)
		c.line = nil
	}
	end := bytes.IndexByte(data, '\n')
	if end >= eventLineMax || end < 0 && len(data) >= eventLineMax {
		return nil, errLong
	}
	if end < 0 {
		c.line = append([]byte(nil), data...)
		return nil, errAgain
	}
	e, length, err := readEvent(string(data[:end]))
	if err != nil {
		return nil, err
	}
	rest := data[end+1:]
	if len(rest) > length {
		return nil, errRest
	}
	e.body = make([]byte, length)
	c.event, c.filled = e, copy(e.body, rest)
	return c.receiveBody()
}

// receiveBody fills the body, without a copy between the socket and the handler.
func (c *connection) receiveBody() (*event, error) {
	for c.filled < len(c.event.body) {
		n, err := c.recv(c.event.body[c.filled:])
		if err != nil {
			return nil, err
		}
		c.filled += n
	}
	e := c.event
	c.event = nil
	return e, nil
}

// recv doesn't wait: so the scheduler need not know of the call.
func (c *connection) recv(buffer []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(c.fd),
			uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), syscall.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == 0 && n > 0:
			return int(n), nil
		case errno == 0:
			return 0, io.EOF
		case errno == syscall.EAGAIN:
			return 0, errAgain
		case errno != syscall.EINTR:
			return 0, errno
		}
	}
}

// send sends all of data.
func (c *connection) send(data []byte) error {
	const flags = syscall.MSG_NOSIGNAL
	for len(data) > 0 {
		at, size := uintptr(unsafe.Pointer(&data[0])), uintptr(len(data))
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.fd), at, size,
			flags|syscall.MSG_DONTWAIT, 0, 0)
		if errno == syscall.EAGAIN { // nginx is behind: let others run meanwhile
			n, _, errno = syscall.Syscall6(syscall.SYS_SENDTO, uintptr(c.fd),
				uintptr(unsafe.Pointer(&data[0])), size, flags, 0, 0)
		}
		switch errno {
		case 0:
			data = data[n:]
		case syscall.EINTR:
		default:
			return errno
		}
	}
	return nil
}
