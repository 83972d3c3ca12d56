package fnruntime

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nuclio/nuclio-sdk-go"
)

// parse reads a line as nginx does, but for limits.
func parse(t *testing.T, line []byte) map[string]any {
	t.Helper()
	if len(line) == 0 || line[len(line)-1] != '\n' || strings.Count(string(line), "\n") != 1 {
		t.Fatalf("no line: %.200q", line)
	}
	if !utf8.Valid(line) {
		t.Fatalf("no UTF-8: %.200q", line)
	}
	var object map[string]any
	if err := json.Unmarshal(line, &object); err != nil {
		t.Fatalf("%v: %.200q", err, line)
	}
	return object
}

func TestResponseLine(t *testing.T) {
	a := answer{body: []byte("hello")}
	line, err := a.appendResponse(nil, "id", 7, 16384)
	expect := `{"type":"response","id":"id","status":200,` +
		`"headers":{"Content-Type":"text/plain; charset=utf-8"},"body_length":5,"duration_us":7}` + "\nhello"
	if err != nil || string(line) != expect {
		t.Errorf("%v, %q", err, line)
	}
}

func TestHeadersOfResponses(t *testing.T) {
	a := answer{status: 201, contentType: "a/b", headers: map[string]any{
		"B": 1, "A": []string{"x", "y"}, "C": nil, "D": []string{}, "E": []any{true},
		"content-type": "not/this", "F": []byte("\xff\""), "G": "\u00e9", "H": 1.5, "I": nuclio.ID("i"),
	}}
	delete(a.headers, "I") // a type of its own is no string
	line, err := a.appendHead(nil)
	expect := `"status":201,"headers":{"Content-Type":"a/b","A":["x","y"],"B":"1","E":"true",` +
		`"F":"\u00ff\"","G":"\u00c3\u00a9","H":"1.5"}`
	if err != nil || string(line) != expect {
		t.Errorf("%v, %s", err, line)
	}
}

func TestNonsense(t *testing.T) {
	many := make([]string, 100)
	for name, a := range map[string]answer{
		"status":             {status: 600},
		"negative status":    {status: -1},
		"content type":       {contentType: "a\nb"},
		"content type, list": {headers: map[string]any{"Content-Type": []string{"a", "b"}}},
		"name":               {headers: map[string]any{"": "a"}},
		"long name":          {headers: map[string]any{strings.Repeat("x", 257): "a"}},
		"name in UTF-8":      {headers: map[string]any{"\u00e9": "a"}},
		"value":              {headers: map[string]any{"A": "\x7f"}},
		"long value":         {headers: map[string]any{"A": strings.Repeat("x", 8193)}},
		"value's type":       {headers: map[string]any{"A": struct{}{}}},
		"many":               {headers: map[string]any{"A": many}},
	} {
		if line, err := a.appendResponse(nil, "id", 0, 16384); err == nil {
			t.Errorf("%s: %s", name, line)
		}
	}
	a := answer{headers: map[string]any{"A": many[:99]}}
	if _, err := a.appendResponse(nil, "id", 0, 16384); err != nil {
		t.Error(err)
	}
}

func TestKindsOfResults(t *testing.T) {
	var none *nuclio.Response
	for _, one := range []struct {
		result            any
		contentType, body string
	}{
		{nil, "", ""}, {none, "", ""}, {"a", "", "a"}, {[]byte{0}, "", "\x00"},
		{1, typeJSON, "1"}, {map[string]int{"a": 1}, typeJSON, `{"a":1}`},
		{json.RawMessage("[1]"), typeJSON, "[1]"}, {&nuclio.Response{Body: []byte("b")}, "", "b"},
	} {
		a, err := render(one.result)
		if err != nil || a.contentType != one.contentType || string(a.body) != one.body || a.stream != nil {
			t.Errorf("%#v: %v, %+v", one.result, err, a)
		}
	}
	for _, result := range []any{make(chan int), math.NaN(), errors.New("returned as the result")} {
		if a, err := render(result); err == nil {
			t.Errorf("%v: %+v", result, a)
		}
	}
	if a, err := render(strings.NewReader("a")); err != nil || a.stream == nil {
		t.Errorf("a reader: %v, %+v", err, a)
	}
}

func TestErrorsWithStatus(t *testing.T) {
	for _, one := range []struct {
		err    error
		status int
		text   string
	}{
		{nuclio.ErrNotFound, 404, "Not Found"},
		{&nuclio.ErrNotFound, 404, "Not Found"},
		{nuclio.NewErrConflict("c"), 409, "c"},
		{nuclio.WrapErrBadRequest(errors.New("b")), 400, "b"},
		{nuclio.GetByStatusCode(418)("t"), 418, "t"},
		{nuclio.GetWrapByStatusCode(1)(errors.New("x")), 500, "x"},
		{fmt.Errorf("outer: %w", nuclio.NewErrConflict("c")), 409, "outer: c"},
		{errors.New("none"), 0, "none"},
	} {
		if status := statusOf(one.err); status != one.status || one.err.Error() != one.text {
			t.Errorf("%v: %d", one.err, status)
		}
	}
}

func TestErrorLinesFit(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", 9999), strings.Repeat("\x00", 9999),
		strings.Repeat("\U0001f600", 9999), strings.Repeat("\xff\"\\\n", 2500)} {
		for max := 512; max < 2000; max += 7 {
			line := appendError(nil, "id", &failure{text, text, text}, 1, max)
			if len(line) > max {
				t.Fatalf("%d bytes of %d: %.80q", len(line), max, text)
			}
			object := parse(t, line)
			if len(text) < 10 && (object["message"] != text || object["stack"] != text) {
				t.Errorf("%s", line)
			}
		}
	}
}

func TestRecordsFit(t *testing.T) {
	text := strings.Repeat("\u00e9\x01", 5000)
	for _, with := range [][]any{nil, {"a", text}, {"a", 1, "b", text, "c", text}, {text, text},
		{"a", []any{text, text}}, {"a"}, {1, 2, "1", 3}} {
		for max := 256; max < 2000; max += 7 {
			line := appendLog(nil, levelInfo, text, with, max)
			if len(line) > max {
				t.Fatalf("%d bytes of %d", len(line), max)
			}
			parse(t, line)
		}
	}
}

type person struct {
	Name string `json:"name"`
	Next *person
}

type stringer struct{}

func (stringer) String() string { return "stringer" }

func TestValuesOfRecords(t *testing.T) {
	deep := any("x")
	for i := 0; i < 100; i++ {
		deep = map[string]any{"a": deep}
	}
	circle := &person{Name: "c"}
	circle.Next = circle
	for _, one := range []struct {
		with   []any
		expect string
	}{
		{[]any{"a", 1, "a", 2}, `{"a":2}`},
		{[]any{"a", nil, 7, true}, `{"a":null,"7":true}`},
		{[]any{"a"}, `{"a":null}`},
		{[]any{"n\x00", []byte("b")}, `{"n` + "\ufffd" + `":"b"}`},
		{[]any{"a", errors.New("e"), "b", stringer{}}, `{"a":"e","b":"stringer"}`},
		{[]any{"a", person{"p", nil}}, `{"a":{"Next":null,"name":"p"}}`},
		{[]any{"a", uint64(math.MaxUint64), "b", int64(math.MinInt64)},
			`{"a":"18446744073709551615","b":-9223372036854775808}`},
		{[]any{"a", math.Inf(1), "b", 1e300, "c", float32(0.5)}, `{"a":"+Inf","b":1e+300,"c":0.5}`},
		{[]any{"a", json.RawMessage(`{"x":1,"x":2,"n\u0000":1e999}`)}, `{"a":{"n` + "\ufffd" + `":"1e999","x":2}}`},
		{[]any{"a", []int{1, 2}}, `{"a":[1,2]}`},
		{[]any{"a", make(chan int) == nil}, `{"a":false}`},
	} {
		if line := string(appendWith(nil, one.with, 4096)); line != one.expect {
			t.Errorf("%v: %s", one.with, line)
		}
	}
	for _, value := range []any{deep, circle, func() {}, make(chan int)} {
		line := appendWith(nil, []any{"a", value}, 8192)
		if !json.Valid(line) || strings.Count(string(line), "{") > depthMax {
			t.Errorf("%.200s", line)
		}
	}
}
