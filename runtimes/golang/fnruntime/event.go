package fnruntime

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nuclio/nuclio-sdk-go"
)

// field is a header or an argument of the query.  Name and value are bytes.
type field struct {
	name, value string
}

// event is what nginx sent (PROTOCOL 4.1), as nuclio's Event.
type event struct {
	nuclio.AbstractEvent
	trigger    trigger
	method     string
	path       string // bytes, as query
	query      string
	headers    []field // in the order of the request; those of a name stand together
	timestamp  string
	remoteAddr string
	startBy    int64 // ms; -1 is none
	level      string
	body       []byte
	fields     []field // of the query, when it was parsed
	parts      *parts  // in the worker: which of them are there
}

// wireEvent is an event with room for the headers that most requests have.
type wireEvent struct {
	event
	room [8]field
}

// trigger is nuclio's TriggerInfoProvider.
type trigger struct {
	kind, name string
}

func (t *trigger) GetClass() string { return "sync" }
func (t *trigger) GetKind() string  { return t.kind }
func (t *trigger) GetName() string  { return t.name }

var errEvent = errors.New("invalid event")

// readEvent reads an event's line (without LF) and returns the length of its body.
func readEvent(line string) (*event, int, error) {
	wire := &wireEvent{event: event{startBy: -1, trigger: trigger{kind: "http"}}}
	e := &wire.event
	e.headers = wire.room[:0]
	e.SetTriggerInfoProvider(&e.trigger)
	length := int64(0)
	s := scanner{text: line}
	has := 0
	s.members(func(name string) {
		switch name {
		case "id":
			has |= 1
			e.SetID(nuclio.ID(s.bytes()))
		case "method":
			has |= 2
			e.method = s.bytes()
		case "path":
			has |= 4
			e.path = s.bytes()
		case "query":
			e.query = s.bytes()
		case "headers":
			e.readHeaders(&s)
		case "timestamp":
			e.timestamp = s.number()
		case "remote_addr":
			e.remoteAddr = s.bytes()
		case "trigger":
			e.readTrigger(&s)
		case "start_by":
			e.startBy = s.count()
		case "log_level":
			e.level = s.bytes()
		case "body_length":
			length = s.count()
		case "type":
			s.failed = true
		default:
			s.skip()
		}
	})
	if s.failed || s.next() != 0 || has != 7 || !isID(string(e.GetID())) {
		return nil, 0, errEvent
	}
	return e, int(length), nil
}

func (e *event) readHeaders(s *scanner) {
	s.members(func(name string) {
		if !s.take('[') {
			e.headers = append(e.headers, field{name, s.bytes()})
			return
		}
		for !s.failed {
			e.headers = append(e.headers, field{name, s.bytes()})
			if !s.take(',') {
				break
			}
		}
		s.expect(']')
	})
}

func (e *event) readTrigger(s *scanner) {
	s.members(func(name string) {
		switch name {
		case "kind":
			e.trigger.kind = text(s.bytes())
		case "name":
			e.trigger.name = text(s.bytes())
		default:
			s.skip()
		}
	})
}

// isID checks the only string that goes into replies as it came.
func isID(id string) bool {
	for _, c := range []byte(id) {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 64
}

// text is a byte string as text: UTF-8, or Latin-1 when it is not.
func text(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	runes := make([]rune, len(value))
	for i := range runes {
		runes[i] = rune(value[i])
	}
	return string(runes)
}

// last returns the last field of a name, in any case of its letters if fold.
func last(fields []field, name string, fold bool) (string, bool) {
	for i := len(fields) - 1; i >= 0; i-- {
		if fields[i].name == name || fold && strings.EqualFold(fields[i].name, name) {
			return fields[i].value, true
		}
	}
	return "", false
}

func (e *event) GetID() nuclio.ID       { return e.with(partID).AbstractEvent.GetID() }
func (e *event) GetMethod() string      { return e.with(partLine).method }
func (e *event) GetPath() string        { return text(e.with(partLine).path) }
func (e *event) GetBody() []byte        { return e.with(partBody).body }
func (e *event) GetBodyObject() any     { return e.GetBody() }
func (e *event) GetContentType() string { return e.GetHeaderString("Content-Type") }

// RemoteAddr is the client's address; nuclio's interface has no getter for it.
func (e *event) RemoteAddr() string { return e.with(partLine).remoteAddr }

func (e *event) GetTimestamp() time.Time {
	if e.with(partLine).parts != nil {
		return time.UnixMilli(e.parts.milliseconds).UTC()
	}
	seconds, _ := strconv.ParseFloat(e.timestamp, 64)
	return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
}

func (e *event) GetHeader(name string) any { return e.GetHeaderByteSlice(name) }

func (e *event) GetHeaderByteSlice(name string) []byte {
	if value, ok := last(e.with(partHeaders).headers, name, true); ok {
		return []byte(value)
	}
	return nil
}

func (e *event) GetHeaderString(name string) string {
	value, _ := last(e.with(partHeaders).headers, name, true)
	return text(value)
}

func (e *event) GetHeaderInt(name string) (int, error) {
	return nuclio.ToInt(e.GetHeaderString(name))
}

// GetHeaders has a string for each name, or a []string when it came repeatedly.
func (e *event) GetHeaders() map[string]any {
	headers := make(map[string]any, len(e.with(partHeaders).headers))
	for _, header := range e.headers {
		name, value := text(header.name), text(header.value)
		switch before := headers[name].(type) {
		case nil:
			headers[name] = value
		case string:
			headers[name] = []string{before, value}
		case []string:
			headers[name] = append(before, value)
		}
	}
	return headers
}

func (e *event) GetField(name string) any { return e.GetFieldByteSlice(name) }

func (e *event) GetFieldByteSlice(name string) []byte {
	if value, ok := last(e.parsed(), name, false); ok {
		return []byte(value)
	}
	return nil
}

func (e *event) GetFieldString(name string) string {
	value, _ := last(e.parsed(), name, false)
	return text(value)
}

func (e *event) GetFieldInt(name string) (int, error) {
	return nuclio.ToInt(e.GetFieldString(name))
}

func (e *event) GetFields() map[string]any {
	fields := make(map[string]any, len(e.parsed()))
	for _, one := range e.parsed() {
		fields[text(one.name)] = text(one.value)
	}
	return fields
}

// parsed returns the arguments of the query.
func (e *event) parsed() []field {
	if e.with(partLine).fields == nil && e.query != "" {
		for _, part := range strings.Split(e.query, "&") {
			if part != "" {
				name, value, _ := strings.Cut(part, "=")
				e.fields = append(e.fields, field{unescape(name), unescape(value)})
			}
		}
	}
	return e.fields
}

// unescape decodes "+" and "%XX"; what is no escape stands for itself.
func unescape(text string) string {
	if !strings.ContainsAny(text, "+%") {
		return text
	}
	data := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '+' {
			c = ' '
		} else if c == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				c = byte(n)
				i += 2
			}
		}
		data = append(data, c)
	}
	return string(data)
}
