package tests

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// body is what a function answers.
func body(t *testing.T, target string, environment ...string) string {
	t.Helper()
	f := launch(t, target, environment...)
	f.ready()
	_, text := f.connect().ask("/")
	return text
}

// refusal is why a function doesn't start, and what it printed.
func refusal(t *testing.T, target string, environment ...string) (string, string) {
	t.Helper()
	f := launch(t, target, environment...)
	var line struct{ Type, Error, Message string }
	if text := f.said(); json.Unmarshal([]byte(text), &line) != nil || line.Type != "error" || line.Error == "" {
		t.Errorf("%q", text)
	}
	if status := f.gone(); status == 0 {
		t.Error("status 0")
	}
	return line.Message, f.printed()
}

func answer(name, text string) string {
	return strings.Replace(handler, "Handler", name, 1) + `{ return "` + text + "\", nil }\n"
}

func TestEntries(t *testing.T) {
	for _, one := range []struct{ source, entry, expect string }{
		{answer("Handler", "h") + answer("Other", "o"), "", "h"},
		{answer("Handler", "h") + answer("Other", "o"), "Other", "o"},
		{answer("Only", "only") + "func Exported() {}\n" + answer("small", "s"), "", "only"},
	} {
		if text := body(t, source(t, one.source), "FN_ENTRY="+one.entry); text != one.expect {
			t.Errorf("%s: %s", one.expect, text)
		}
	}
	two := source(t, answer("One", "1")+answer("Two", "2"))
	if message, _ := refusal(t, two); !strings.Contains(message, "undefined: Handler") {
		t.Error(message)
	}
	if message, _ := refusal(t, two, "FN_ENTRY=a;b"); !strings.Contains(message, "exported function") {
		t.Error(message)
	}
}

func TestFileAlone(t *testing.T) {
	directory := source(t, answer("Handler", "file"), "other.go", "package main\n\nfunc Broken() { none() }\n")
	if text := body(t, directory+"/fn.go"); text != "file" {
		t.Error(text)
	}
}

func TestBuildErrors(t *testing.T) {
	message, printed := refusal(t, source(t, handler+"{ return \"\\\"\", none }\n"))
	if !strings.Contains(message, "fn.go:5") || !strings.Contains(printed, "fn.go:5") || !strings.Contains(printed, "undefined: none") {
		t.Error(message, printed)
	}
	message, printed = refusal(t, source(t, "import \"example.com/none\"\n"))
	if !strings.Contains(printed, "example.com/none") {
		t.Error(message, printed)
	}
}

func TestErrorsOfInitContext(t *testing.T) {
	text := answer("Handler", "h") + "func InitContext(*nuclio.Context) error { "
	if message, _ := refusal(t, source(t, text+"return nuclio.NewErrConflict(\"no\") }")); message != "no" {
		t.Error(message)
	}
	message, printed := refusal(t, source(t, text+"panic(\"bad\") }"))
	if message != "bad" || !strings.Contains(printed, "main.InitContext") {
		t.Error(message, printed)
	}
}

func binaries(t *testing.T) int {
	names, err := filepath.Glob(cache + "/golang-*")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestBuildsOnce(t *testing.T) {
	directory := source(t, answer("Handler", "first"))
	before := binaries(t)
	var all []*function
	for i := 0; i < 4; i++ {
		all = append(all, launch(t, directory))
	}
	for _, f := range all {
		f.ready()
	}
	if text := body(t, directory); text != "first" || binaries(t) != before+1 {
		t.Error(text, binaries(t)-before)
	}
	os.WriteFile(directory+"/fn.go", []byte(strings.Replace(readFile(t, directory+"/fn.go"), "first", "second", 1)), 0600)
	if text := body(t, directory); text != "second" || binaries(t) != before+2 {
		t.Error(text, binaries(t)-before)
	}
	left, _ := filepath.Glob(cache + "/golang.*")
	if len(left) != 1 { // the lock
		t.Error(left)
	}
}

func readFile(t *testing.T, path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const module = "module example.com/fn\n\ngo 1.19\n\nrequire github.com/nuclio/nuclio-sdk-go v0.5.3\n\n" +
	"require example.com/dep v1.2.3\n\nrequire github.com/valyala/fasthttp v1.51.0 // indirect\n"

const moduleSource = `import (
	_ "embed"
	"example.com/dep"
	"example.com/fn/sub"
)

//go:embed text
var text string

` + handler + "{ return sub.Text + dep.Text + text, nil }\n"

func TestModules(t *testing.T) {
	directory := source(t, moduleSource, "sub/sub.go", "package sub\n\nconst Text = \"sub \"\n", "text", "text",
		"go.mod", module+"\nreplace example.com/dep => ./dep\n",
		"dep/go.mod", "module example.com/dep\n", "dep/dep.go", "package dep\n\nconst Text = \"dep \"\n")
	if text := body(t, directory); text != "sub dep text" {
		t.Error(text)
	}
	if text := readFile(t, directory+"/go.mod"); !strings.HasSuffix(text, "=> ./dep\n") {
		t.Error(text)
	}
}

func TestVendor(t *testing.T) {
	directory := source(t, moduleSource, "sub/sub.go", "package sub\n\nconst Text = \"sub \"\n", "text", "text", "go.mod", module,
		"vendor/example.com/dep/dep.go", "package dep\n\nconst Text = \"vendored \"\n",
		"vendor/github.com/nuclio/nuclio-sdk-go/theirs.go", "package nuclio\n\nimport _ \"not/here\"\n",
		"vendor/modules.txt", "# example.com/dep v1.2.3\n## explicit\nexample.com/dep\n"+
			"# github.com/nuclio/nuclio-sdk-go v0.5.3\n## explicit; go 1.19\ngithub.com/nuclio/nuclio-sdk-go\n"+
			"# github.com/valyala/fasthttp v1.51.0\n## explicit\n")
	if text := body(t, directory); text != "sub vendored text" {
		t.Error(text)
	}
}

func TestNuclioErrorsPackage(t *testing.T) {
	f := start(t, "import \"github.com/nuclio/errors\"\n\n"+handler+`{
		return nil, errors.Wrap(errors.New("cause"), "outer")
	}`)
	line, _ := f.connect().ask("/")
	stack := line["stack"].(string)
	if line["message"] != "outer" || !strings.Contains(stack, "cause") || !strings.Contains(stack, "/fn.go:8") {
		t.Error(line)
	}
}

func TestReadyBinary(t *testing.T) {
	before := body(t, source(t, answer("Handler", "ready")))
	names, _ := filepath.Glob(cache + "/golang-*")
	program := filepath.Join(t.TempDir(), "program")
	newest := names[0]
	for _, name := range names {
		a, _ := os.Stat(name)
		b, _ := os.Stat(newest)
		if a.ModTime().After(b.ModTime()) {
			newest = name
		}
	}
	os.WriteFile(program, []byte(readFile(t, newest)), 0700)
	if text := body(t, program, "FN_CACHE=/nonexistent/cache"); text != before {
		t.Error(text)
	}
}

func TestCacheOfSomebodyElse(t *testing.T) {
	directory := source(t, answer("Handler", "h"))
	open := filepath.Join(t.TempDir(), "open")
	os.Mkdir(open, 0700)
	os.Chmod(open, 0777)
	link := filepath.Join(t.TempDir(), "link")
	os.Symlink(cache, link)
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0600)
	for _, path := range []string{open, link, file, "/nonexistent/cache"} {
		if message, _ := refusal(t, directory, "FN_CACHE="+path); !strings.Contains(message, "must be a directory") {
			t.Error(path, message)
		}
	}
}

func TestWithoutGo(t *testing.T) {
	tools := t.TempDir()
	for _, tool := range []string{"sh", "dirname", "id", "tr", "cut", "sed"} {
		path, _ := exec.LookPath(tool)
		os.Symlink(path, tools+"/"+tool)
	}
	message, printed := refusal(t, source(t, answer("Handler", "h")), "PATH="+tools)
	if !strings.Contains(message, "golang-go") || !strings.Contains(printed, "golang-go") {
		t.Error(message, printed)
	}
	if message, _ := refusal(t, "/nonexistent/fn.go"); !strings.Contains(message, "not found") {
		t.Error(message)
	}
}
