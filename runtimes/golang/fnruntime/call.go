package fnruntime

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/nuclio/nuclio-sdk-go"
)

// The client of FN_CALL (PROTOCOL 1.4).  net/http would cost a function that calls
// nothing 4 s of its first build, and twice the size.

const callHeaderMax = 65536 // bytes of a response's head

// caller calls functions at address, "" if they can't be called.
func caller(address string) nuclio.CallFunction {
	return func(name string, event nuclio.Event) (nuclio.Response, error) {
		response, err := call(address, name, event)
		if err != nil {
			return nuclio.Response{}, fmt.Errorf("can't call function %q: %w", name, err)
		}
		return response, nil
	}
}

func call(address, name string, event nuclio.Event) (response nuclio.Response, err error) {
	if address == "" {
		return response, errors.New(`there is no "fn_call" in the configuration`)
	}
	request, err := writeRequest(name, event)
	if err != nil {
		return response, err
	}
	s, err := dial(address)
	if err != nil {
		return response, err
	}
	defer syscall.Close(int(s))
	if err := s.write(request); err != nil {
		return response, err
	}
	if err := s.write(event.GetBody()); err != nil {
		return response, err
	}
	return readResponse(bufio.NewReaderSize(s, callHeaderMax), event.GetMethod() == "HEAD")
}

// socket blocks.
type socket int

func dial(address string) (socket, error) {
	to, family, err := parseAddress(address)
	if err != nil {
		return -1, err
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Connect(fd, to)
	}
	if err != nil && err != syscall.EISCONN {
		syscall.Close(fd)
		return -1, fmt.Errorf("connect(%q) failed: %w", address, err)
	}
	return socket(fd), nil
}

func (s socket) Read(buffer []byte) (int, error) {
	for {
		n, err := syscall.Read(int(s), buffer)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (s socket) write(data []byte) error {
	c := connection{fd: int(s)}
	return os.NewSyscallError("send", c.send(data))
}

// writeRequest is the head of the request.
func writeRequest(name string, event nuclio.Event) ([]byte, error) {
	path := event.GetPath()
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	fields := []string{"Host", "localhost", "Connection", "close", "X-Nuclio-Target", name,
		"Content-Type", event.GetContentType(), "Content-Length", strconv.Itoa(len(event.GetBody()))}
	own := len(fields)
	for name, value := range event.GetHeaders() {
		for _, one := range headerValues(value) {
			text, err := headerText(one)
			if err != nil {
				return nil, fmt.Errorf("header %q: %w", name, err)
			}
			if !isOwn(fields[:own], name) {
				fields = append(fields, name, text)
			}
		}
	}
	if !isName(event.GetMethod()) {
		return nil, fmt.Errorf("invalid method %q", event.GetMethod())
	}
	request := []byte(event.GetMethod() + " " + escapePath(path) + " HTTP/1.1\r\n")
	for i := 0; i < len(fields); i += 2 {
		if !isName(fields[i]) || !isValue(fields[i+1]) {
			return nil, fmt.Errorf("invalid header %q: %.80q", fields[i], fields[i+1])
		}
		request = append(request, fields[i]+": "+fields[i+1]+"\r\n"...)
	}
	return append(request, "\r\n"...), nil
}

// isOwn says that the client sets the header itself.
func isOwn(fields []string, name string) bool {
	for i := 0; i < len(fields); i += 2 {
		if strings.EqualFold(fields[i], name) {
			return true
		}
	}
	return strings.EqualFold(name, "Transfer-Encoding") || strings.EqualFold(name, "Expect")
}

// escapePath encodes what may not stand in a path (RFC 3986 3.3).
func escapePath(path string) string {
	var escaped strings.Builder
	for _, c := range []byte(path) {
		if token[c] && c != '%' && c != '#' && c != '^' && c != '`' && c != '|' ||
			strings.IndexByte("/:@(),;=", c) >= 0 {
			escaped.WriteByte(c)
		} else {
			fmt.Fprintf(&escaped, "%%%02X", c)
		}
	}
	return escaped.String()
}

func readResponse(r *bufio.Reader, head bool) (response nuclio.Response, err error) {
	for response.StatusCode < 200 { // 1xx come before
		if response, err = readHead(r); err != nil {
			return response, err
		}
	}
	if head || response.StatusCode == 204 || response.StatusCode == 304 {
		return response, nil
	}
	response.Body, err = readBody(r, response.Headers)
	return response, err
}

func readHead(r *bufio.Reader) (nuclio.Response, error) {
	response := nuclio.Response{ContentType: "text/plain", Headers: map[string]any{}}
	line, err := readLine(r)
	if err != nil {
		return response, err
	}
	parts := strings.SplitN(line, " ", 3)
	if len(parts) > 1 && strings.HasPrefix(line, "HTTP/1.") {
		response.StatusCode, _ = strconv.Atoi(parts[1])
	}
	if response.StatusCode < 100 {
		return response, fmt.Errorf("invalid status line %.80q", line)
	}
	for {
		line, err := readLine(r)
		if err != nil || line == "" {
			return response, err
		}
		name, value, _ := strings.Cut(line, ":")
		name, value = canonical(name), strings.Trim(value, " \t")
		response.Headers[name] = value
		if name == "Content-Type" {
			response.ContentType = value
		}
	}
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

// canonical is nuclio's form of a name: "Content-Type".
func canonical(name string) string {
	data := []byte(strings.ToLower(name))
	for i, c := range data {
		if 'a' <= c && c <= 'z' && (i == 0 || data[i-1] == '-') {
			data[i] = c - 'a' + 'A'
		}
	}
	return string(data)
}

// readBody reads a body in any of the ways of RFC 9112 6.3.
func readBody(r *bufio.Reader, headers map[string]any) ([]byte, error) {
	if _, chunked := headers["Transfer-Encoding"]; chunked {
		return readChunks(r)
	}
	text, ok := headers["Content-Length"].(string)
	if !ok {
		return io.ReadAll(r)
	}
	length, err := strconv.ParseUint(text, 10, 62)
	if err != nil {
		return nil, fmt.Errorf("invalid Content-Length %q", text)
	}
	return readFull(r, nil, int64(length))
}

func readChunks(r *bufio.Reader) (body []byte, err error) {
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(line, ";")
		length, err := strconv.ParseUint(strings.TrimSpace(size), 16, 62)
		if err != nil {
			return nil, fmt.Errorf("invalid chunk %.80q", line)
		}
		if length == 0 {
			return body, nil
		}
		if body, err = readFull(r, body, int64(length)); err != nil {
			return nil, err
		}
		if _, err := readLine(r); err != nil {
			return nil, err
		}
	}
}

// readFull appends length bytes to body.
func readFull(r io.Reader, body []byte, length int64) ([]byte, error) {
	more, err := io.ReadAll(io.LimitReader(r, length))
	if err == nil && int64(len(more)) < length {
		err = io.ErrUnexpectedEOF
	}
	return append(body, more...), err
}
