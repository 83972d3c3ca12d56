package fnruntime

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/nuclio/nuclio-sdk-go"
)

func carried(t *testing.T, headers, body string) nuclio.Event {
	t.Helper()
	e, _, err := readEvent(`{"id":"a","method":"POST","path":"/","headers":` + headers + `}`)
	if err != nil {
		t.Fatal(err)
	}
	e.body = []byte(body)
	return e.seen()
}

func equal(t *testing.T, got, wanted any) {
	t.Helper()
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("got %#v, not %#v", got, wanted)
	}
}

func TestBinaryCloudEvent(t *testing.T) {
	e := carried(t, `{"Ce-Cloudeventsversion":"0.1","Ce-Eventid":"A 1","Ce-Eventtype":"made",
		"Ce-Eventtypeversion":"1.0","Ce-Eventtime":"2018-04-05T19:31:00+02:00",
		"Ce-Source":"/here","Content-Type":"text/xml"}`, "data")
	equal(t, e.GetID(), nuclio.ID("A 1"))
	equal(t, []string{e.GetType(), e.GetTypeVersion(), e.GetVersion(), e.GetContentType()},
		[]string{"made", "1.0", "0.1", "text/xml"})
	equal(t, e.GetTriggerInfo().GetKind(), "/here")
	equal(t, e.GetTimestamp().Format("2006-01-02T15:04:05Z"), "2018-04-05T17:31:00Z")
	equal(t, e.GetHeaderString("ce-source"), "/here")
	equal(t, string(e.GetBody()), "data")
}

func TestStructuredCloudEvent(t *testing.T) {
	headers := `{"Content-Type":"application/cloudevents+json","X-A":"b"}`
	e := carried(t, headers, `{"cloudEventsVersion":"0.1","eventID":"A1","source":"/here",
		"contentType":"text/xml","extensions":{"some":"value"},"data":{"a":1}}`)
	equal(t, e.GetID(), nuclio.ID("A1"))
	equal(t, e.GetContentType(), "text/xml")
	equal(t, e.GetHeaders(), map[string]any{"some": "value"})
	equal(t, e.GetHeaderString("Some"), "value")
	equal(t, e.GetHeaderString("X-A"), "")
	equal(t, string(e.GetBody()), `{"a":1}`)
	equal(t, e.GetBodyObject(), map[string]any{"a": 1.0})
	equal(t, string(carried(t, headers, `{"data":"text"}`).GetBody()), "text")
}

func TestNoCloudEvent(t *testing.T) {
	for _, body := range []string{"", "{", "[]", `{"eventID":7}`} {
		e := carried(t, `{"Content-Type":"application/cloudevents"}`, body)
		equal(t, e.GetID(), nuclio.ID("a"))
		equal(t, string(e.GetBody()), body)
	}
}

func TestFileStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	os.WriteFile(path, []byte("content"), 0600)
	for _, remove := range []bool{false, true} {
		headers := map[string]any{"x-NUCLIO-filestream-path": path, "a": "b"}
		if remove {
			headers[fileDelete] = "1"
		}
		a, err := withFile(answer{headers: headers, body: []byte("x")})
		equal(t, err, nil)
		equal(t, a.headers, map[string]any{"a": "b"})
		data, _ := io.ReadAll(a.stream)
		closeStream(a.stream)
		equal(t, string(data), "content")
		_, err = os.Stat(path)
		equal(t, os.IsNotExist(err), remove)
	}
	a, err := withFile(answer{headers: map[string]any{filePath: path}})
	equal(t, err, nil)
	equal(t, a.status, 404)
}
