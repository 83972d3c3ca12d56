package fnruntime

import (
	"io"
	"os"
	"strings"
)

// The headers by which a nuclio handler sends a file.  nginx keeps a client's
// from events (PROTOCOL 4.2): a handler that sends all headers back sends none.
const (
	filePath   = "X-nuclio-filestream-path"
	fileDelete = "X-nuclio-filestream-delete-after-send"
)

// fileStream is a file as a body, removed when all of it was read if remove.
type fileStream struct {
	*os.File
	remove, ended bool
}

func (s *fileStream) Read(buffer []byte) (int, error) {
	n, err := s.File.Read(buffer)
	s.ended = s.ended || err == io.EOF
	return n, err
}

func (s *fileStream) Close() error {
	if s.remove && s.ended {
		os.Remove(s.Name())
	}
	return s.File.Close()
}

// withFile makes the file that the headers name the body: 404 when there is none.
func withFile(a answer) (answer, error) {
	var err error
	path, remove := "", false
	headers := make(map[string]any, len(a.headers))
	for name, value := range a.headers {
		switch {
		case strings.EqualFold(name, filePath):
			path, err = headerText(value)
		case strings.EqualFold(name, fileDelete):
			remove = true
		default:
			headers[name] = value
		}
	}
	if path == "" || err != nil {
		return a, err
	}
	closeStream(a.stream)
	a.headers, a.body, a.stream = headers, nil, nil
	info, err := os.Stat(path)
	if os.IsNotExist(err) || err == nil && !info.Mode().IsRegular() {
		a.status = 404
		return a, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return a, err
	}
	a.stream = &fileStream{File: file, remove: remove}
	return a, nil
}
