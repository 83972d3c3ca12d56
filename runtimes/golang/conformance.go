// The handler of ../conformance/README.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	nuclioerrors "github.com/nuclio/errors"
	"github.com/nuclio/nuclio-sdk-go"
)

// cannot is what Go can't say, with the reason.
var cannot = map[string]string{
	"status_text":     "a handler of Go returns one value and an error",
	"status_bytes":    "a handler of Go returns one value and an error",
	"status_object":   "a handler of Go returns one value and an error",
	"status_nothing":  "a handler of Go returns one value and an error",
	"response_object": "the body of a Response is a []byte",
	"response_list":   "the body of a Response is a []byte",
	"bad_status_text": "the status of a Response is an int",
	"bad_type":        "the content type of a Response is a string",
	"fork":            "a process of Go can't fork without exec",
}

type function func(*nuclio.Context, nuclio.Event) (interface{}, error)

var functions map[string]function

func init() {
	functions = map[string]function{
		"event": describe,
		"echo":  echo,
		"header": func(_ *nuclio.Context, event nuclio.Event) (interface{}, error) {
			return event.GetHeaderString(event.GetFieldString("name")), nil
		},
		"count": count,
		"worker": func(context *nuclio.Context, _ nuclio.Event) (interface{}, error) {
			return strconv.Itoa(context.WorkerID), nil
		},
		"context": describeContext,
		"call":    call,

		"echo_headers": echoHeaders,
		"large":        large,
		"stream":       stream,
		"stream_error": streamError,
		"many_headers": manyHeaders,
		"wide_headers": wideHeaders,
		"raise":        func(*nuclio.Context, nuclio.Event) (interface{}, error) { return nil, nuclioerrors.New("some error") },
		"raise_long": func(*nuclio.Context, nuclio.Event) (interface{}, error) {
			return nil, errors.New(strings.Repeat("x", 100000))
		},
		"raise_odd": func(*nuclio.Context, nuclio.Event) (interface{}, error) {
			return nil, errors.New("\x00\n\x1b\U0001f600")
		},
		"raise_status": func(*nuclio.Context, nuclio.Event) (interface{}, error) {
			return nil, nuclio.NewErrConflict("some conflict")
		},
		"raise_other": func(*nuclio.Context, nuclio.Event) (interface{}, error) { panic("thrown text") },
		"raise_exit":  func(*nuclio.Context, nuclio.Event) (interface{}, error) { os.Exit(3); return nil, nil },
		"deep":        func(*nuclio.Context, nuclio.Event) (interface{}, error) { return deep(0), nil },
		"log":         log,
		"log_with":    logWith,
		"log_odd":     logOdd,
		"log_large":   logLarge,
		"log_deep":    logDeep,
		"print":       print_,
		"user_data":   func(context *nuclio.Context, _ nuclio.Event) (interface{}, error) { return context.UserData, nil },
		"sleep":       sleep,
		"hang":        func(*nuclio.Context, nuclio.Event) (interface{}, error) { select {} },
		"spin": func(*nuclio.Context, nuclio.Event) (interface{}, error) {
			for {
			}
		},
		"async":       async,
		"async_raise": asyncRaise,
		"stdin":       stdin,
		"write":       write,
		"close":       closeAll,
		"descriptors": descriptors,
		"orphan":      orphan,
		"signals":     signals,
		"background":  background,
		"exit":        exit,
		"kill":        kill,
		"memory":      memory,
	}
	for name, answer := range answers {
		answer := answer
		functions[name] = func(*nuclio.Context, nuclio.Event) (interface{}, error) { return answer, nil }
	}
}

// answers are those that depend on nothing.
var answers = map[string]interface{}{
	"text":        "text \u00e9\n",
	"bytes":       allBytes(),
	"empty_text":  "",
	"empty_bytes": []byte{},
	"nothing":     nil,
	"object":      map[string]interface{}{"a": 1, "b": "\u00e9"},
	"list":        []interface{}{1, "two", nil, map[string]int{"three": 3}},
	"number":      42,
	"true":        true,
	"float":       1.5,

	"response": nuclio.Response{
		StatusCode:  201,
		ContentType: "text/x-conformance",
		Headers:     map[string]interface{}{"h1": "v1", "h2": "v2"},
		Body:        []byte("response body"),
	},
	"response_bytes":   nuclio.Response{ContentType: "text/x-conformance", Body: allBytes()},
	"response_default": nuclio.Response{},
	"response_204":     nuclio.Response{StatusCode: 204},
	"headers": &nuclio.Response{Headers: map[string]interface{}{
		"One": 1, "Many": []string{"a", "b"}, "Utf": "\u00e9", "Number": 7,
	}},
	"set_cookie": nuclio.Response{Headers: map[string]interface{}{"Set-Cookie": []string{"a=1", "b=2"}}},
	"managed": nuclio.Response{
		Headers: map[string]interface{}{
			"Connection":        "close",
			"Content-Length":    999,
			"Server":            "x",
			"Transfer-Encoding": "chunked",
			"X-Accel-Redirect":  "/x",
		},
		Body: []byte("managed"),
	},
	"header_type": nuclio.Response{Headers: map[string]interface{}{"Content-Type": "text/html"}},

	"bad_status":       nuclio.Response{StatusCode: 1000},
	"bad_status_low":   nuclio.Response{StatusCode: 99},
	"bad_type_line":    nuclio.Response{ContentType: "text/plain\r\nX: y"},
	"bad_header_name":  nuclio.Response{Headers: map[string]interface{}{"a b": "c"}},
	"bad_header_value": nuclio.Response{Headers: map[string]interface{}{"a": "b\r\nc: d"}},
	"large_header":     nuclio.Response{Headers: map[string]interface{}{"a": strings.Repeat("x", 9000)}},
}

// InitContext is called once for each context.
func InitContext(context *nuclio.Context) error {
	context.UserData = "from init"
	context.Logger.Info("init context")
	switch os.Getenv("CONFORMANCE_INIT") {
	case "fail":
		return errors.New("init failed")
	case "slow":
		time.Sleep(500 * time.Millisecond)
	}
	return nil
}

// Handler does what the path or the environment names.
func Handler(context *nuclio.Context, event nuclio.Event) (interface{}, error) {
	name := os.Getenv("CONFORMANCE")
	if name == "" {
		name = path.Base(event.GetPath())
	}
	if reason, ok := cannot[name]; ok {
		return nuclio.Response{StatusCode: 501, Body: []byte(reason)}, nil
	}
	if run, ok := functions[name]; ok {
		return run(context, event)
	}
	return nuclio.Response{StatusCode: 404}, nil
}

func number(event nuclio.Event, name string, absent int) int {
	if n, err := event.GetFieldInt(name); err == nil {
		return n
	}
	return absent
}

// Events

func describe(_ *nuclio.Context, event nuclio.Event) (interface{}, error) {
	values := map[string]interface{}{
		"id":           event.GetID(),
		"method":       event.GetMethod(),
		"path":         event.GetPath(),
		"url":          event.GetURL(),
		"content_type": event.GetContentType(),
		"type":         event.GetType(),
		"type_version": event.GetTypeVersion(),
		"version":      event.GetVersion(),
		"topic":        event.GetTopic(),
		"headers":      event.GetHeaders(),
		"fields":       event.GetFields(),
		"size":         len(event.GetBody()),
		"shard_id":     event.GetShardID(),
		"num_shards":   event.GetTotalNumShards(),
		"offset":       event.GetOffset(),
		"timestamp":    event.GetTimestamp(),
		"trigger":      event.GetTriggerInfo(),
		"body":         event.GetBody(),
	}
	delete(values, "size") // nuclio's events of Go have none
	types := map[string]string{}
	for name, value := range values {
		types[name] = kind(value)
	}
	values["types"] = types
	values["timestamp"] = event.GetTimestamp().UnixMilli()
	values["body"] = base64.StdEncoding.EncodeToString(event.GetBody())
	values["trigger"] = map[string]string{
		"kind": event.GetTriggerInfo().GetKind(),
		"name": event.GetTriggerInfo().GetName(),
	}
	return values, nil
}

func kind(value interface{}) string {
	switch value.(type) {
	case string, nuclio.ID:
		return "text"
	case []byte:
		return "bytes"
	case int:
		return "integer"
	case time.Time:
		return "time"
	}
	return "object"
}

func echo(_ *nuclio.Context, event nuclio.Event) (interface{}, error) {
	return nuclio.Response{ContentType: event.GetContentType(), Body: event.GetBody()}, nil
}

// Answers

func allBytes() []byte {
	data := make([]byte, 256)
	for i := range data {
		data[i] = byte(i)
	}
	return data
}

func echoHeaders(_ *nuclio.Context, event nuclio.Event) (interface{}, error) {
	return nuclio.Response{Headers: event.GetHeaders()}, nil
}

func large(_ *nuclio.Context, event nuclio.Event) (interface{}, error) {
	return strings.Repeat("x", number(event, "size", 0)), nil
}

func stream(_ *nuclio.Context, event nuclio.Event) (interface{}, error) {
	stream := nuclio.NewResponseStream("", nil, 200)
	go func() {
		defer stream.StopStreaming()
		for i := 0; i < number(event, "count", 3); i++ {
			if _, err := stream.SendChunk([]byte(fmt.Sprintf("piece %d\n", i))); err != nil {
				return // the client is gone
			}
		}
	}()
	return stream, nil
}

func streamError(*nuclio.Context, nuclio.Event) (interface{}, error) {
	reader, writer := io.Pipe()
	go func() {
		io.WriteString(writer, "first\n")
		writer.CloseWithError(errors.New("late error"))
	}()
	return reader, nil
}

func manyHeaders(*nuclio.Context, nuclio.Event) (interface{}, error) {
	headers := map[string]interface{}{}
	for i := 0; i < 101; i++ {
		headers[fmt.Sprintf("X-%d", i)] = "x"
	}
	return nuclio.Response{Headers: headers}, nil
}

func wideHeaders(*nuclio.Context, nuclio.Event) (interface{}, error) {
	headers := map[string]interface{}{}
	for i := 0; i < 4; i++ {
		headers[fmt.Sprintf("X-%d", i)] = strings.Repeat("x", 8000)
	}
	return nuclio.Response{Headers: headers}, nil
}

func deep(n int) int {
	return deep(n+1) + 1
}

// Logs

func log(context *nuclio.Context, _ nuclio.Event) (interface{}, error) {
	context.Logger.Debug("debug %s", "message")
	context.Logger.Info("info message")
	context.Logger.Warn("warn message")
	context.Logger.Error("error message")
	return "logged", nil
}

func logWith(context *nuclio.Context, _ nuclio.Event) (interface{}, error) {
	context.Logger.ErrorWith("message with", "source", "rabbit", "weight", 7)
	return "logged", nil
}

func logOdd(context *nuclio.Context, _ nuclio.Event) (interface{}, error) {
	const odd = "\n\x1b\x00\U0001f600"
	context.Logger.InfoWith(odd, "odd", odd)
	return "logged", nil
}

func logLarge(context *nuclio.Context, _ nuclio.Event) (interface{}, error) {
	large := strings.Repeat("x", 100000)
	context.Logger.InfoWith(large, "large", large)
	return "logged", nil
}

func logDeep(context *nuclio.Context, _ nuclio.Event) (interface{}, error) {
	var list interface{} = []interface{}{}
	for i := 1; i < 100; i++ {
		list = []interface{}{list}
	}
	context.Logger.InfoWith("deep", "deep", list)
	return "logged", nil
}

func print_(*nuclio.Context, nuclio.Event) (interface{}, error) {
	fmt.Print("out one\nout two\n")
	fmt.Fprint(os.Stderr, "err one\n")
	return "printed", nil
}

// State

var counted int

func count(*nuclio.Context, nuclio.Event) (interface{}, error) {
	counted++
	return strconv.Itoa(counted), nil
}

func describeContext(context *nuclio.Context, _ nuclio.Event) (interface{}, error) {
	return map[string]interface{}{
		"worker_id":     strconv.Itoa(context.WorkerID),
		"trigger_kind":  context.TriggerKind,
		"trigger_name":  context.TriggerName,
		"function_name": context.FunctionName,
	}, nil
}

// Time

func sleep(_ *nuclio.Context, event nuclio.Event) (interface{}, error) {
	time.Sleep(time.Duration(number(event, "ms", 0)) * time.Millisecond)
	return "slept", nil
}

func async(*nuclio.Context, nuclio.Event) (interface{}, error) {
	answer := make(chan string)
	go func() {
		time.Sleep(10 * time.Millisecond)
		answer <- "async"
	}()
	return <-answer, nil
}

func asyncRaise(*nuclio.Context, nuclio.Event) (interface{}, error) {
	failed := make(chan error)
	go func() {
		time.Sleep(10 * time.Millisecond)
		failed <- errors.New("async error")
	}()
	return nil, <-failed
}

// Disturbance

func stdin(*nuclio.Context, nuclio.Event) (interface{}, error) {
	data, err := io.ReadAll(os.Stdin)
	return strconv.Itoa(len(data)), err
}

func write(*nuclio.Context, nuclio.Event) (interface{}, error) {
	syscall.Write(1, []byte("raw\n"))
	syscall.Write(2, []byte("{\"type\":\"x\"}\n"))
	return "written", nil
}

func closeAll(*nuclio.Context, nuclio.Event) (interface{}, error) {
	os.Stdin.Close()
	os.Stdout.Close()
	os.Stderr.Close()
	return "closed", nil
}

func descriptors(*nuclio.Context, nuclio.Event) (interface{}, error) {
	return exec.Command("ls", "-l", "/proc/self/fd").Output()
}

func orphan(*nuclio.Context, nuclio.Event) (interface{}, error) {
	child := exec.CommandContext(context.Background(), "sleep", "1000")
	if err := child.Start(); err != nil {
		return nil, err
	}
	return strconv.Itoa(child.Process.Pid), nil
}

func signals(*nuclio.Context, nuclio.Event) (interface{}, error) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	return "ignored", nil
}

func background(*nuclio.Context, nuclio.Event) (interface{}, error) {
	time.AfterFunc(50*time.Millisecond, func() { panic("background error") })
	return "started", nil
}

func exit(_ *nuclio.Context, event nuclio.Event) (interface{}, error) {
	syscall.Exit(number(event, "code", 0))
	return nil, nil
}

func kill(*nuclio.Context, nuclio.Event) (interface{}, error) {
	return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func memory(*nuclio.Context, nuclio.Event) (interface{}, error) {
	var taken [][]byte
	for {
		block := make([]byte, 1<<24)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		taken = append(taken, block)
	}
}

// Calls

func call(context *nuclio.Context, event nuclio.Event) (interface{}, error) {
	response, err := context.Platform.CallFunction(event.GetFieldString("name"), &nuclio.MemoryEvent{
		Method:      "POST",
		Path:        "/called/echo",
		ContentType: "text/plain",
		Headers:     map[string]interface{}{"X-Caller": "conformance"},
		Body:        []byte("called body"),
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]interface{}{
		"status":       response.StatusCode,
		"body":         string(response.Body),
		"content_type": response.ContentType,
	})
}
