package fnruntime

import (
	"reflect"
	"testing"
	"time"

	"github.com/nuclio/nuclio-sdk-go"
)

func eventOf(t *testing.T, fields string) nuclio.Event {
	t.Helper()
	e, _, err := readEvent(`{"id":"a","method":"GET","path":"/",` + fields + `"timestamp":1789000000.123}`)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestHeadersOfEvents(t *testing.T) {
	e := eventOf(t, `"headers":{"Content-Type":"a/b","X-Number":"7","Cookie":["a","b","c"],"X-Utf":"\u00c3\u00a9","X-Raw":"\u00e9"},`)
	expect := map[string]any{"Content-Type": "a/b", "X-Number": "7", "Cookie": []string{"a", "b", "c"},
		"X-Utf": "\u00e9", "X-Raw": "\u00e9"}
	if headers := e.GetHeaders(); !reflect.DeepEqual(headers, expect) {
		t.Errorf("%v", headers)
	}
	if value := e.GetHeaderString("cookie"); value != "c" {
		t.Errorf("cookie: %q", value)
	}
	if value := string(e.GetHeader("x-RAW").([]byte)); value != "\xe9" {
		t.Errorf("raw: %q", value)
	}
	if value, err := e.GetHeaderInt("x-number"); value != 7 || err != nil {
		t.Errorf("number: %d, %v", value, err)
	}
	if _, err := e.GetHeaderInt("x-none"); err == nil {
		t.Error("no header is no number")
	}
	if value := e.GetHeader("x-none").([]byte); value != nil {
		t.Errorf("none: %q", value)
	}
	if e.GetContentType() != "a/b" {
		t.Error(e.GetContentType())
	}
}

func TestFields(t *testing.T) {
	e := eventOf(t, `"query":"a=1&a=2&b=x+y%21&c&=d&%e9=%C3%A9&bad=%zz%4&&n=12",`)
	expect := map[string]any{"a": "2", "b": "x y!", "c": "", "": "d", "\u00e9": "\u00e9", "bad": "%zz%4", "n": "12"}
	if fields := e.GetFields(); !reflect.DeepEqual(fields, expect) {
		t.Errorf("%v", fields)
	}
	if n, err := e.GetFieldInt("n"); n != 12 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := e.GetFieldInt("none"); err == nil {
		t.Error("no field is no number")
	}
	if e.GetFieldString("A") != "" || string(e.GetFieldByteSlice("a")) != "2" {
		t.Error("fields are told apart by case")
	}
}

func TestTheRestOfEvents(t *testing.T) {
	e := eventOf(t, `"remote_addr":"::1","trigger":{"kind":"http","name":"fn"},`)
	if at := e.GetTimestamp(); !at.Equal(time.UnixMilli(1789000000123)) {
		t.Error(at)
	}
	trigger := e.GetTriggerInfo()
	if trigger.GetKind() != "http" || trigger.GetName() != "fn" || trigger.GetClass() != "sync" {
		t.Error(trigger)
	}
	if e.GetShardID() != -1 || e.GetURL() != "" || e.GetID() != "a" || e.GetTopic() != "" {
		t.Error("nuclio's values of what HTTP has not")
	}
	if address := e.(interface{ RemoteAddr() string }).RemoteAddr(); address != "::1" {
		t.Error(address)
	}
}

func TestStartBy(t *testing.T) {
	now := monotonic(time.Now())
	time.Sleep(20 * time.Millisecond)
	if after := monotonic(time.Now()) - now; after < 19 || after > 1000 {
		t.Errorf("%d ms", after)
	}
}

func TestMemoryEvents(t *testing.T) {
	e := &nuclio.MemoryEvent{Body: []byte("b"), Headers: map[string]any{"A": "1"}}
	if e.GetMethod() != "POST" || (&nuclio.MemoryEvent{}).GetMethod() != "GET" || e.GetContentType() != "text/plain" {
		t.Error("defaults")
	}
	if n, err := e.GetHeaderInt("A"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

var line = `{"id":"0123456789abcdef0123456789abcdef","method":"GET","path":"/hello","query":"a=b",` +
	`"headers":{"Host":"127.0.0.1:8080","User-Agent":"Mozilla/5.0 (X11; Linux x86_64)","Accept":"*/*"},` +
	`"timestamp":1789000000.123,"start_by":86400123,"remote_addr":"127.0.0.1","trigger":{"kind":"http","name":"hello"}}`

func BenchmarkReadEvent(b *testing.B) {
	for i := 0; i < b.N; i++ {
		if _, _, err := readEvent(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	var reply []byte
	for i := 0; i < b.N; i++ {
		a, _ := render("Hello from golang")
		reply, _ = a.appendResponse(reply[:0], "0123456789abcdef0123456789abcdef", 7, 16384)
	}
}
