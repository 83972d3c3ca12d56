package fnruntime

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"

	"github.com/nuclio/nuclio-sdk-go"
)

const (
	typeText = "text/plain; charset=utf-8"
	typeJSON = "application/json"
)

// answer is what a handler returned, of whatever kind.
type answer struct {
	status      int    // 0 is 200
	contentType string // "" is none of its own
	headers     map[string]any
	body        []byte
	stream      io.Reader // instead of body
}

// render makes an answer of what a handler returned.
func render(result any) (answer, error) {
	switch result := result.(type) {
	case nil:
		return answer{}, nil
	case string:
		return answer{body: []byte(result)}, nil
	case []byte:
		return answer{body: result}, nil
	case nuclio.Response:
		return renderResponse(&result), nil
	case *nuclio.Response:
		if result == nil {
			return answer{}, nil
		}
		return renderResponse(result), nil
	case nuclio.ProcessingResult:
		return renderResult(result)
	case error:
		return answer{}, result
	case io.Reader:
		return answer{stream: result}, nil
	}
	body, err := json.Marshal(result)
	return answer{contentType: typeJSON, body: body}, err
}

func renderResponse(r *nuclio.Response) answer {
	return answer{status: r.StatusCode, contentType: r.ContentType, headers: r.Headers, body: r.Body}
}

// renderResult is for streams, and for results of the handler's own type.
func renderResult(r nuclio.ProcessingResult) (answer, error) {
	a, err := render(r.GetBody())
	if contentType := r.GetContentType(); contentType != "" {
		a.contentType = contentType
	}
	a.status = r.GetStatusCode()
	a.headers = r.GetHeaders()
	return a, err
}

// renderError is the answer of an error with a status: its text.
func renderError(err error, status int) answer {
	return answer{status: status, body: []byte(err.Error())}
}

// appendResponse appends PROTOCOL 5.3, and behind the line a body that is small.
// The line may have max bytes; an error is the handler's failure.
func (a *answer) appendResponse(line []byte, id string, duration int64, max int) ([]byte, error) {
	line = append(line, `{"type":"response","id":"`...)
	line = append(line, id...)
	line, err := a.appendHead(append(line, `",`...))
	if err != nil {
		return line, err
	}
	if a.stream != nil {
		line = append(line, `,"stream":true`...)
	} else {
		line = append(line, `,"body_length":`...)
		line = strconv.AppendInt(line, int64(len(a.body)), 10)
	}
	line = append(line, `,"duration_us":`...)
	line = strconv.AppendInt(line, duration, 10)
	line = append(line, "}\n"...)
	if len(line) > max {
		return line, fmt.Errorf("the response's headers need more than %d bytes", max)
	}
	if len(a.body) <= pieceMax {
		line, a.body = append(line, a.body...), nil
	}
	return line, nil
}

// appendHead appends the status and headers of a response line, checked
// (PROTOCOL 6): an error is the handler's failure.
func (a *answer) appendHead(line []byte) ([]byte, error) {
	status, err := a.theStatus()
	if err != nil {
		return line, err
	}
	line = append(line, `"status":`...)
	line = strconv.AppendInt(line, int64(status), 10)
	line = append(line, `,"headers":{"Content-Type":`...)
	contentType, err := a.theType()
	if err != nil {
		return line, err
	}
	line = appendBytes(line, contentType)
	if len(a.headers) > 0 {
		if line, err = a.appendHeaders(line, appendMember); err != nil {
			return line, err
		}
	}
	return append(line, '}'), nil
}

func (a *answer) theStatus() (int, error) {
	status := a.status
	if status == 0 {
		status = 200
	}
	if status < 200 || status > 599 {
		return status, fmt.Errorf("status code must be from 200 to 599, not %d", status)
	}
	return status, nil
}

// theType is the content type: the answer's own, one of the headers, or the
// default.
func (a *answer) theType() (string, error) {
	contentType := a.contentType
	for name, value := range a.headers {
		if contentType == "" && strings.EqualFold(name, "Content-Type") && value != nil {
			var err error
			if contentType, err = headerText(value); err != nil {
				return "", err
			}
		}
	}
	if contentType == "" {
		return typeText, nil
	}
	if !isValue(contentType) {
		return "", fmt.Errorf("invalid content type %.80q", contentType)
	}
	return contentType, nil
}

// headerForm appends the value i of the n that a header has.
type headerForm func(line []byte, name, value string, i, n int) []byte

// appendHeaders appends all but the content type, in the order of their names.
func (a *answer) appendHeaders(line []byte, form headerForm) ([]byte, error) {
	names := make([]string, 0, len(a.headers))
	for name := range a.headers {
		if !strings.EqualFold(name, "Content-Type") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	lines := 1
	for _, name := range names {
		values := headerValues(a.headers[name])
		if lines += len(values); lines > headerLinesMax {
			return line, fmt.Errorf("more than %d header lines", headerLinesMax)
		}
		if len(values) == 0 {
			continue
		}
		if !isName(name) {
			return line, fmt.Errorf("invalid header name %.80q", name)
		}
		for i, value := range values {
			text, err := checkedValue(name, value)
			if err != nil {
				return line, err
			}
			line = form(line, name, text, i, len(values))
		}
	}
	return line, nil
}

// headerValues is the value of a header as a list: one item is one line.
func headerValues(value any) []any {
	switch value := value.(type) {
	case nil:
		return nil
	case []any:
		return value
	case []string:
		values := make([]any, len(value))
		for i, one := range value {
			values[i] = one
		}
		return values
	}
	return []any{value}
}

// appendMember is the form of headers in a line, PROTOCOL 5.3.
func appendMember(line []byte, name, value string, i, n int) []byte {
	if i == 0 {
		line = append(appendBytes(append(line, ','), name), ':')
		if n > 1 {
			line = append(line, '[')
		}
	} else {
		line = append(line, ',')
	}
	line = appendBytes(line, value)
	if n > 1 && i == n-1 {
		line = append(line, ']')
	}
	return line
}

func checkedValue(name string, value any) (string, error) {
	text, err := headerText(value)
	if err != nil {
		return "", fmt.Errorf("header %q: %w", name, err)
	}
	if !isValue(text) {
		return "", fmt.Errorf("invalid value of header %q: %.80q", name, text)
	}
	return text, nil
}

func headerText(value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case []byte:
		return string(value), nil
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64,
		float32, float64, fmt.Stringer:
		return fmt.Sprint(value), nil
	}
	return "", fmt.Errorf("a header must be a string, not %T", value)
}
