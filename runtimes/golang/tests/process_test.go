// Package tests runs functions through ../fn_golang, as nginx does.
package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	launcher, _ = filepath.Abs("../fn_golang")
	cache       string
)

func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "fn-golang-tests")
	if err != nil {
		panic(err)
	}
	cache = filepath.Join(directory, "cache")
	status := m.Run()
	exec.Command("chmod", "-R", "u+w", directory).Run() // go writes modules read-only
	os.RemoveAll(directory)
	os.Exit(status)
}

// function is a running process; door is its listening socket, control is nginx's
// end of descriptor 4.
type function struct {
	*testing.T
	command *exec.Cmd
	door    string
	control net.Conn
	errors  *bytes.Buffer // standard error
	mutex   sync.Mutex
	exited  chan error
}

// source writes a function's files, the first of them "fn.go", and returns the
// directory.
func source(t *testing.T, text string, more ...string) string {
	t.Helper()
	directory := t.TempDir()
	files := append([]string{"fn.go", "package main\n\nimport \"github.com/nuclio/nuclio-sdk-go\"\n\n" + text}, more...)
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(directory, files[i])
		os.MkdirAll(filepath.Dir(path), 0700)
		if err := os.WriteFile(path, []byte(files[i+1]), 0600); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

// launch starts the launcher on target; environment is added to nginx's.
func launch(t *testing.T, target string, environment ...string) *function {
	t.Helper()
	f := &function{T: t, door: filepath.Join(t.TempDir(), "door"), errors: &bytes.Buffer{}, exited: make(chan error, 1)}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: f.door, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	control, err := net.ListenUnix("unix", &net.UnixAddr{Name: f.door + ".control", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ours, _ := net.Dial("unix", f.door+".control")
	theirs, _ := control.AcceptUnix()
	f.control = ours
	three, _ := listener.File()
	four, _ := theirs.File()
	f.command = exec.Command(launcher)
	f.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "FN_PROTOCOL=1",
		"FN_NAME=fn", "FN_TARGET=" + target, "FN_CACHE=" + cache}, environment...)
	f.command.Dir = "/"
	f.command.ExtraFiles = []*os.File{three, four}
	f.command.Stderr = f
	if err := f.command.Start(); err != nil {
		t.Fatal(err)
	}
	for _, one := range []io.Closer{three, four, theirs, control, listener} {
		one.Close()
	}
	go func() { f.exited <- f.command.Wait() }()
	t.Cleanup(func() { f.control.Close(); f.command.Process.Kill() })
	return f
}

// Write collects standard error.
func (f *function) Write(data []byte) (int, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.errors.Write(data)
}

func (f *function) printed() string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.errors.String()
}

// start launches text as a function, and waits until it is ready.
func start(t *testing.T, text string, environment ...string) *function {
	t.Helper()
	f := launch(t, source(t, text), environment...)
	f.ready()
	return f
}

func (f *function) ready() {
	f.Helper()
	if line := f.said(); line != `{"type":"ready","protocol":1}` {
		f.Fatalf("%s\n%s", line, f.printed())
	}
}

// said is a line of the control socket.
func (f *function) said() string {
	f.Helper()
	f.control.SetReadDeadline(time.Now().Add(60 * time.Second))
	line, err := bufio.NewReader(f.control).ReadString('\n')
	if err != nil && err != io.EOF {
		f.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

// gone waits for the end of the process, and returns its status.
func (f *function) gone() int {
	f.Helper()
	select {
	case <-f.exited:
		return f.command.ProcessState.ExitCode()
	case <-time.After(60 * time.Second):
		f.Fatal("the process doesn't end")
	}
	return -1
}

// connection is one of nginx's.
type connection struct {
	*testing.T
	net.Conn
	reader *bufio.Reader
}

func (f *function) connect() *connection {
	f.Helper()
	conn, err := net.Dial("unix", f.door)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &connection{f.T, conn, bufio.NewReader(conn)}
}

func (c *connection) send(path, fields string) {
	fmt.Fprintf(c, `{"id":"1","method":"GET","path":"%s"%s}`+"\n", path, fields)
}

// line is a line of the reply.
func (c *connection) line() map[string]any {
	c.Helper()
	line, err := c.reader.ReadBytes('\n')
	if err != nil {
		c.Fatalf("%v after %q", err, line)
	}
	var object map[string]any
	if err := json.Unmarshal(line, &object); err != nil {
		c.Fatalf("%v: %q", err, line)
	}
	return object
}

// bytes are what the line announced.
func (c *connection) bytes(length any) string {
	c.Helper()
	data := make([]byte, int(length.(float64)))
	if _, err := io.ReadFull(c.reader, data); err != nil {
		c.Fatal(err)
	}
	return string(data)
}

// ask sends an event, and returns the last line of the reply and its body.
func (c *connection) ask(path string) (map[string]any, string) {
	c.Helper()
	c.send(path, "")
	for {
		line := c.line()
		switch line["type"] {
		case "log":
		case "response":
			return line, c.bytes(line["body_length"])
		default:
			return line, ""
		}
	}
}

const handler = "func Handler(c *nuclio.Context, e nuclio.Event) (interface{}, error) "

func TestAnswersAndStops(t *testing.T) {
	f := start(t, handler+`{ return "hello", nil }`)
	c := f.connect()
	for i := 0; i < 3; i++ {
		if line, body := c.ask("/"); line["status"] != 200.0 || body != "hello" {
			t.Fatalf("%v %q", line, body)
		}
	}
	fmt.Fprint(f.control, `{"type":"st`)
	time.Sleep(10 * time.Millisecond)
	fmt.Fprint(f.control, "op\"}\n")
	if status := f.gone(); status != 0 {
		t.Errorf("status %d: %s", status, f.printed())
	}
	if _, err := c.reader.ReadByte(); err != io.EOF {
		t.Error("the idle connection is open")
	}
}

func TestEndOfFileEndsBusyProcess(t *testing.T) {
	f := start(t, handler+`{ for {} }`, "FN_CONCURRENCY=4", "GOMAXPROCS=1")
	for i := 0; i < 4; i++ {
		f.connect().send("/", "")
	}
	time.Sleep(50 * time.Millisecond)
	before := time.Now()
	f.control.Close()
	f.gone()
	if took := time.Since(before); took > 2*time.Second {
		t.Error(took)
	}
}

func TestGoexit(t *testing.T) {
	f := start(t, "import \"runtime\"\n\n"+handler+`{
		if e.GetPath() == "/exit" { runtime.Goexit() }
		return "hello", nil
	}`)
	c := f.connect()
	for i := 0; i < 3; i++ {
		if line, _ := c.ask("/exit"); line["type"] != "error" || line["error"] != "Goexit" {
			t.Fatal(line)
		}
		if _, body := c.ask("/"); body != "hello" {
			t.Fatal(body)
		}
	}
}

func TestStackOfPanics(t *testing.T) {
	f := start(t, handler+`{
		var none map[string]int
		none["a"] = 1
		return nil, nil
	}`)
	line, _ := f.connect().ask("/")
	stack := line["stack"].(string)
	target := f.command.Env[4][len("FN_TARGET="):]
	if !strings.HasPrefix(stack, "main.Handler(") || !strings.Contains(stack, target+"/fn.go:7") ||
		strings.Contains(stack, "fnruntime") || line["message"] != "assignment to entry in nil map" {
		t.Error(line)
	}
}

func TestErrorsWithStatusAreResponses(t *testing.T) {
	f := start(t, handler+`{ return "ignored", nuclio.NewErrNotFound("no such thing") }`)
	if line, body := f.connect().ask("/"); line["status"] != 404.0 || body != "no such thing" {
		t.Error(line, body)
	}
}

func TestWorkers(t *testing.T) {
	f := start(t, `import ("strconv"; "sync/atomic"; "time")
	var made int32
	func InitContext(c *nuclio.Context) error {
		c.UserData = int(atomic.AddInt32(&made, 1))
		return nil
	}
	`+handler+`{
		time.Sleep(200 * time.Millisecond)
		return strconv.Itoa(c.WorkerID) + " " + strconv.Itoa(c.UserData.(int)) + " " + strconv.Itoa(int(made)), nil
	}`, "FN_CONCURRENCY=3", "FN_SLOT=2")
	seen := map[string]bool{}
	before := time.Now()
	var all []*connection
	for i := 0; i < 4; i++ {
		all = append(all, f.connect())
		all[i].send("/", "")
	}
	for _, c := range all {
		line := c.line()
		if line["type"] != "response" {
			t.Fatal(line)
		}
		seen[c.bytes(line["body_length"])] = true
	}
	if took := time.Since(before); took < 350*time.Millisecond || took > 700*time.Millisecond {
		t.Error("4 events of 200 ms, 3 at the same time:", took)
	}
	if len(seen) != 3 || !seen["6 1 3"] || !seen["7 2 3"] || !seen["8 3 3"] {
		t.Error(seen)
	}
}

func TestRecordsOfGoroutines(t *testing.T) {
	f := start(t, `import ("sync"; "time")
	`+handler+`{
		var group sync.WaitGroup
		for i := 0; i < 8; i++ {
			group.Add(1)
			go func() {
				for j := 0; j < 50; j++ { c.Logger.InfoWith("during", "j", j) }
				group.Done()
				time.Sleep(100 * time.Millisecond)
				c.Logger.GetChild("late").Warn("after %d%%", 100)
			}()
		}
		group.Wait()
		return "done", nil
	}`)
	c := f.connect()
	c.send("/", "")
	records := 0
	line := c.line()
	for ; line["type"] == "log"; line = c.line() {
		records++
	}
	if records != 400 || c.bytes(line["body_length"]) != "done" {
		t.Error(records, line)
	}
	time.Sleep(300 * time.Millisecond)
	if text := f.printed(); strings.Count(text, `warn after 100% {"logger":"late"}`+"\n") != 8 {
		t.Error(text)
	}
	c.send("/", `,"log_level":"warn"`)
	if line := c.line(); line["type"] != "response" {
		t.Error(line)
	}
}

func TestStreams(t *testing.T) {
	f := start(t, `import ("errors"; "io"; "os"; "strings")
	type broken struct{ n int }
	func (b *broken) Read(data []byte) (int, error) {
		if b.n--; b.n < 0 { panic("read") }
		return copy(data, "a"), nil
	}
	var closed = make(chan string, 1)
	`+handler+`{
		switch e.GetPath() {
		case "/early": return &broken{0}, nil
		case "/late": return &broken{2}, nil
		case "/reader": return strings.NewReader(strings.Repeat("x", 200000)), nil
		case "/file": return os.Open("/etc/passwd")
		case "/empty": return strings.NewReader(""), nil
		case "/bad": return nuclio.NewResponseStream("a\nb", nil, 200), nil
		case "/closed": return <-closed, nil
		}
		stream := nuclio.NewResponseStream("a/b", map[string]interface{}{"A": 1}, 201)
		go func() {
			defer stream.StopStreaming()
			for i := 0; i < 3 || e.GetPath() == "/endless"; i++ {
				c.Logger.Info("between")
				if _, err := stream.SendChunk([]byte("chunk")); err != nil {
					if !errors.Is(err, io.ErrClosedPipe) { panic(err) }
					closed <- "closed"
					return
				}
			}
		}()
		return stream, nil
	}`)
	c := f.connect()
	stream := func(path string) (first, last map[string]any, body string) {
		c.send(path, "")
		for first = c.line(); first["type"] == "log"; first = c.line() {
		}
		if first["type"] == "error" {
			return first, nil, ""
		}
		for last = c.line(); last["type"] == "chunk" || last["type"] == "log"; last = c.line() {
			if last["type"] == "chunk" {
				body += c.bytes(last["length"])
			}
		}
		return first, last, body
	}
	if first, last, body := stream("/"); first["status"] != 201.0 || first["stream"] != true ||
		last["type"] != "end" || body != "chunkchunkchunk" {
		t.Error(first, last, body)
	}
	if first, _, _ := stream("/early"); first["type"] != "error" || first["message"] != "read" {
		t.Error(first)
	}
	if _, last, body := stream("/late"); last["type"] != "error" || body != "aa" {
		t.Error(last, body)
	}
	if _, last, body := stream("/reader"); last["type"] != "end" || len(body) != 200000 {
		t.Error(last, len(body))
	}
	if _, last, body := stream("/file"); last["type"] != "end" || !strings.Contains(body, "root") {
		t.Error(last, body)
	}
	if first, last, body := stream("/empty"); first["stream"] != true || last["type"] != "end" || body != "" {
		t.Error(first, last, body)
	}
	c.send("/endless", "")
	c.line()
	c.Close()
	c = f.connect()
	if _, body := c.ask("/closed"); body != "closed" {
		t.Error(body)
	}
}

func TestUmaskIsNginx(t *testing.T) {
	f := start(t, `import ("fmt"; "syscall")
	`+handler+`{ return fmt.Sprintf("%o", syscall.Umask(0)), nil }`)
	if _, body := f.connect().ask("/"); body != "22" {
		t.Error(body)
	}
}

// Calls

const caller = `import "fmt"
	` + handler + `{
		headers := map[string]interface{}{"X-A": "1", "content-length": "9"}
		if e.GetPath() == "/bad" { headers["X-A"] = "1\r\nX: y" }
		r, err := c.Platform.CallFunction("callee", &nuclio.MemoryEvent{Path: "/a b?", Body: []byte("body"), Headers: headers})
		if err != nil { return nil, err }
		return fmt.Sprintf("%d %s %v %s", r.StatusCode, r.ContentType, r.Headers["X-B"], r.Body), nil
	}`

// answerOnce is a server that reads one request and writes text.
func answerOnce(t *testing.T, network, address, text string) (string, chan string) {
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	request := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		buffer := make([]byte, 4096)
		n := 0
		for !strings.HasSuffix(string(buffer[:n]), "\r\n\r\nbody") {
			more, err := conn.Read(buffer[n:])
			if err != nil {
				break
			}
			n += more
		}
		request <- string(buffer[:n])
		io.WriteString(conn, text)
		conn.Close()
	}()
	return listener.Addr().String(), request
}

func TestCalls(t *testing.T) {
	directory := source(t, caller)
	const head = "HTTP/1.1 201 Created\r\ncontent-type: a/b\r\nx-b: c\r\n"
	for _, one := range []struct{ reply, expect string }{
		{head + "Content-Length: 4\r\n\r\ntextmore", "201 a/b c text"},
		{head + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\ntex\r\n1\r\nt\r\n0\r\n\r\n", "201 a/b c text"},
		{"HTTP/1.1 100 Continue\r\n\r\n" + head + "\r\ntext", "201 a/b c text"},
		{"HTTP/1.1 204 No Content\r\n\r\n", "204 text/plain <nil> "},
		{head + "Content-Length: 5\r\n\r\ntext", "unexpected EOF"},
		{head + "Transfer-Encoding: chunked\r\n\r\n5\r\ntext", "unexpected EOF"},
		{head + "Transfer-Encoding: chunked\r\n\r\nz\r\n", "invalid chunk"},
		{head, "unexpected EOF"},
		{"SSH-2.0\r\n", "invalid status line"},
		{"", "unexpected EOF"},
	} {
		address, request := answerOnce(t, "tcp", "127.0.0.1:0", one.reply)
		f := launch(t, directory, "FN_CALL="+address)
		f.ready()
		line, body := f.connect().ask("/")
		if message, _ := line["message"].(string); body != one.expect && !strings.Contains(message, one.expect) {
			t.Errorf("%q: %v %s", one.reply, line, body)
		}
		text := <-request
		if !strings.HasPrefix(text, "POST /a%20b%3F HTTP/1.1\r\n") || !strings.Contains(text, "\r\nX-Nuclio-Target: callee\r\n") ||
			!strings.Contains(text, "\r\nX-A: 1\r\n") || strings.Count(strings.ToLower(text), "content-length:") != 1 {
			t.Errorf("%q", text)
		}
		f.control.Close()
	}
}

func TestCallsThatCanNotBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nginx")
	answerOnce(t, "unix", path, "")
	directory := source(t, caller)
	for _, one := range []struct{ call, path, expect string }{
		{"", "/", "fn_call"},
		{"unix:" + path, "/bad", "invalid header"},
		{"unix:" + path + ".none", "/", "no such file"},
		{"127.0.0.1:1", "/", "refused"},
		{"example.com:80", "/", "must be numeric"},
		{"nonsense", "/", "invalid address"},
	} {
		f := launch(t, directory, "FN_CALL="+one.call)
		f.ready()
		line, _ := f.connect().ask(one.path)
		if message, _ := line["message"].(string); !strings.Contains(message, one.expect) {
			t.Errorf("%q: %v", one.call, line)
		}
		f.control.Close()
	}
}
