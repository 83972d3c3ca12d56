package nuclio

import (
	"errors"
	"strconv"
	"time"
)

// ErrUnsupported is returned by an event that has no such thing.
var ErrUnsupported = errors.New("event does not support this interface")

// ErrTypeConversion is returned for what is no integer.
var ErrTypeConversion = errors.New("cannot convert to this type")

// ID names an event.
type ID string

// TriggerInfoProvider says where an event came from: class ("sync"), kind ("http")
// and the name of the trigger.
type TriggerInfoProvider interface {
	GetClass() string
	GetKind() string
	GetName() string
}

// Event is what a handler is called with.
//
// The case of a header's name doesn't matter to GetHeader and its kin; of several
// headers or fields of a name they return the last, and GetHeaders has a []string.
// What an event has not is "", nil or 0.
type Event interface {
	GetID() ID
	SetID(ID)
	SetTriggerInfoProvider(TriggerInfoProvider)
	GetTriggerInfo() TriggerInfoProvider
	GetContentType() string
	GetBody() []byte
	GetBodyObject() interface{}

	// GetHeader of an event from HTTP returns a []byte.
	GetHeader(string) interface{}
	GetHeaderByteSlice(string) []byte
	GetHeaderString(string) string
	GetHeaderInt(string) (int, error)
	GetHeaders() map[string]interface{}

	// GetField of an event from HTTP returns a []byte.
	GetField(string) interface{}
	GetFieldByteSlice(string) []byte
	GetFieldString(string) string
	GetFieldInt(string) (int, error)
	GetFields() map[string]interface{}

	GetTimestamp() time.Time
	GetPath() string
	GetURL() string
	GetMethod() string
	GetShardID() int
	GetTotalNumShards() int
	GetType() string
	GetTypeVersion() string
	GetVersion() string
	GetLastInBatch() bool
	GetOffset() int
	GetTopic() string
}

// AbstractEvent is an event that has an id and a trigger alone; others embed it.
type AbstractEvent struct {
	id      ID
	trigger TriggerInfoProvider
}

// SetTriggerInfoProvider sets what GetTriggerInfo returns.
func (e *AbstractEvent) SetTriggerInfoProvider(trigger TriggerInfoProvider) { e.trigger = trigger }

// GetTriggerInfo returns the trigger, or nil.
func (e *AbstractEvent) GetTriggerInfo() TriggerInfoProvider { return e.trigger }

// SetID sets the id.
func (e *AbstractEvent) SetID(id ID) { e.id = id }

// GetID returns the id.
func (e *AbstractEvent) GetID() ID { return e.id }

// GetContentType returns "".
func (e *AbstractEvent) GetContentType() string { return "" }

// GetBody returns nil.
func (e *AbstractEvent) GetBody() []byte { return nil }

// GetBodyObject returns the (empty) body.
func (e *AbstractEvent) GetBodyObject() interface{} { return e.GetBody() }

// GetHeader returns nil.
func (e *AbstractEvent) GetHeader(key string) interface{} { return nil }

// GetHeaderByteSlice returns nil.
func (e *AbstractEvent) GetHeaderByteSlice(key string) []byte { return nil }

// GetHeaderString returns "".
func (e *AbstractEvent) GetHeaderString(key string) string { return "" }

// GetHeaderInt returns ErrTypeConversion.
func (e *AbstractEvent) GetHeaderInt(key string) (int, error) { return ToInt(e.GetHeader(key)) }

// GetHeaders returns nil.
func (e *AbstractEvent) GetHeaders() map[string]interface{} { return nil }

// GetField returns nil.
func (e *AbstractEvent) GetField(key string) interface{} { return nil }

// GetFieldByteSlice returns nil.
func (e *AbstractEvent) GetFieldByteSlice(key string) []byte { return nil }

// GetFieldString returns "".
func (e *AbstractEvent) GetFieldString(key string) string { return "" }

// GetFieldInt returns ErrUnsupported.
func (e *AbstractEvent) GetFieldInt(key string) (int, error) { return 0, ErrUnsupported }

// GetFields returns nil.
func (e *AbstractEvent) GetFields() map[string]interface{} { return nil }

// GetTimestamp returns the time of the call.
func (e *AbstractEvent) GetTimestamp() time.Time { return time.Now() }

// GetPath returns "".
func (e *AbstractEvent) GetPath() string { return "" }

// GetURL returns "".
func (e *AbstractEvent) GetURL() string { return "" }

// GetMethod returns "".
func (e *AbstractEvent) GetMethod() string { return "" }

// GetShardID returns -1.
func (e *AbstractEvent) GetShardID() int { return -1 }

// GetTotalNumShards returns 0.
func (e *AbstractEvent) GetTotalNumShards() int { return 0 }

// GetType returns "".
func (e *AbstractEvent) GetType() string { return "" }

// GetTypeVersion returns "".
func (e *AbstractEvent) GetTypeVersion() string { return "" }

// GetVersion returns "".
func (e *AbstractEvent) GetVersion() string { return "" }

// GetLastInBatch returns false.
func (e *AbstractEvent) GetLastInBatch() bool { return false }

// GetOffset returns 0.
func (e *AbstractEvent) GetOffset() int { return 0 }

// GetTopic returns "".
func (e *AbstractEvent) GetTopic() string { return "" }

// ToInt converts the value of a header or a field: int, string or []byte.
func ToInt(value interface{}) (int, error) {
	switch value := value.(type) {
	case int:
		return value, nil
	case string:
		return strconv.Atoi(value)
	case []byte:
		return strconv.Atoi(string(value))
	}
	return 0, ErrTypeConversion
}

// MemoryEvent is an event that a function makes itself, to call another one.
type MemoryEvent struct {
	AbstractEvent
	Method      string
	ContentType string
	Body        []byte
	Headers     map[string]interface{}
	Path        string
}

// GetMethod returns Method, or by default "POST" with a body and "GET" without.
func (e *MemoryEvent) GetMethod() string {
	switch {
	case e.Method != "":
		return e.Method
	case len(e.Body) == 0:
		return "GET"
	}
	return "POST"
}

// GetContentType returns ContentType, by default "text/plain".
func (e *MemoryEvent) GetContentType() string {
	if e.ContentType == "" {
		return "text/plain"
	}
	return e.ContentType
}

// GetBody returns Body.
func (e *MemoryEvent) GetBody() []byte { return e.Body }

// GetBodyObject returns Body.
func (e *MemoryEvent) GetBodyObject() interface{} { return e.Body }

// GetPath returns Path.
func (e *MemoryEvent) GetPath() string { return e.Path }

// GetHeaders returns Headers.
func (e *MemoryEvent) GetHeaders() map[string]interface{} { return e.Headers }

// GetHeader returns the value of Headers under exactly this name, "" without one.
func (e *MemoryEvent) GetHeader(key string) interface{} {
	if value, ok := e.Headers[key]; ok {
		return value
	}
	return ""
}

// GetHeaderByteSlice returns GetHeader's value when it is text or bytes.
func (e *MemoryEvent) GetHeaderByteSlice(key string) []byte {
	switch value := e.GetHeader(key).(type) {
	case string:
		return []byte(value)
	case []byte:
		return value
	}
	return nil
}

// GetHeaderString is GetHeaderByteSlice as a string.
func (e *MemoryEvent) GetHeaderString(key string) string { return string(e.GetHeaderByteSlice(key)) }

// GetHeaderInt returns GetHeader's value as an integer.
func (e *MemoryEvent) GetHeaderInt(key string) (int, error) { return ToInt(e.GetHeader(key)) }
