package fnruntime

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"syscall"
	"testing"
)

// The event cases of ../../vectors, through the code that reads from a socket.

func TestEventsWhole(t *testing.T) {
	checkVectors(t, func(data []byte) int { return pieceMax })
}

func TestEventsByteByByte(t *testing.T) {
	checkVectors(t, func(data []byte) int {
		if len(data) < 4096 {
			return 1
		}
		return 1009
	})
}

func TestEventsInHalves(t *testing.T) {
	checkVectors(t, func(data []byte) int { return len(data)/2 + 1 })
}

func checkVectors(t *testing.T, piece func([]byte) int) {
	paths, _ := filepath.Glob("../../vectors/*/*/event")
	if len(paths) < 20 {
		t.Fatalf("%d vectors", len(paths))
	}
	for _, path := range paths {
		data := readFile(t, path)
		var expect map[string]any
		if err := json.Unmarshal(readFile(t, filepath.Join(filepath.Dir(path), "expect")), &expect); err != nil {
			t.Fatal(err)
		}
		if headers, ok := expect["headers"].(map[string]any); ok {
			for name, value := range headers { // a list of one value is that value
				if list, ok := value.([]any); ok && len(list) == 1 {
					headers[name] = list[0]
				}
			}
		}
		if seen := seenOf(t, data, piece(data)); !reflect.DeepEqual(seen, expect) {
			t.Errorf("%s: expected %v, came %v", path, expect, seen)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func socketPair(t *testing.T) (int, *connection) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return pair[0], &connection{fd: pair[1]}
}

// seenOf is what a runtime sees of data, sent in pieces, in the form of "expect".
func seenOf(t *testing.T, data []byte, piece int) map[string]any {
	theirs, c := socketPair(t)
	defer syscall.Close(c.fd)
	buffer := make([]byte, pieceMax)
	var e *event
	err := errAgain
	for start := 0; start < len(data) && err == errAgain; start += piece {
		end := start + piece
		if end > len(data) {
			end = len(data)
		}
		for part := data[start:end]; len(part) > 0 && err == errAgain; {
			n, sendErr := syscall.SendmsgN(theirs, part, nil, nil, syscall.MSG_DONTWAIT)
			if sendErr != nil && sendErr != syscall.EAGAIN {
				t.Fatal(sendErr)
			}
			part = part[n:]
			e, err = c.receive(buffer)
		}
	}
	syscall.Close(theirs)
	for err == errAgain {
		e, err = c.receive(buffer)
	}
	switch err {
	case nil:
		return describe(e)
	case io.EOF:
		return map[string]any{"incomplete": true}
	}
	return map[string]any{"invalid": true}
}

func describe(e *event) map[string]any {
	headers := map[string]any{}
	seen := map[string][]any{}
	for _, header := range e.headers {
		name := latin1(header.name)
		seen[name] = append(seen[name], latin1(header.value))
		headers[name] = seen[name][0]
		if len(seen[name]) > 1 {
			headers[name] = seen[name]
		}
	}
	timestamp, _ := strconv.ParseFloat(e.timestamp, 64)
	startBy := e.startBy
	if startBy < 0 {
		startBy = 0
	}
	seenAs := map[string]any{
		"id": string(e.GetID()), "method": e.method, "path": latin1(e.path),
		"query": latin1(e.query), "headers": headers, "timestamp": timestamp,
		"remote_addr": e.remoteAddr, "start_by": float64(startBy), "body": latin1(string(e.body)),
		"trigger": map[string]any{"kind": e.trigger.kind, "name": e.trigger.name},
	}
	if e.level != "" {
		seenAs["log_level"] = e.level
	}
	return seenAs
}

func latin1(value string) string {
	runes := make([]rune, len(value))
	for i := range runes {
		runes[i] = rune(value[i])
	}
	return string(runes)
}
