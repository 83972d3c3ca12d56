package fnruntime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// appendWith appends the object of names and values in turn, in at most room bytes
// (and at least 2); of values of one name the last one.
func appendWith(line []byte, with []any, room int) []byte {
	end := len(line) + room - 1
	seen := make(map[string]int, len(with)/2)
	names := make([]string, 0, len(with)/2)
	for i := 0; i < len(with); i += 2 {
		name := string(appendFit(nil, asName(with[i]), nameMax))
		if _, ok := seen[name]; !ok {
			names = append(names, name)
		}
		seen[name] = i + 1
	}
	line = append(line, '{')
	first := len(line)
	for _, name := range names {
		before := len(line)
		if before > first {
			line = append(line, ',')
		}
		line = append(append(line, name...), ':')
		line = appendValue(line, with, seen[name], end-len(line))
		if len(line) > end {
			line = line[:before]
			break
		}
	}
	return append(line, '}')
}

// appendValue appends with[i]; when it needs more than room bytes as a text that
// was shortened.
func appendValue(line []byte, with []any, i int, room int) []byte {
	var value any // of the last name, when there is none
	if i < len(with) {
		value = with[i]
	}
	start := len(line)
	line = appendPlain(line, value, depthMax-2)
	if len(line)-start <= room {
		return line
	}
	text, ok := value.(string)
	if !ok {
		text = string(line[start:])
	}
	return appendFit(line[:start], text, room)
}

// asName is a name that nginx reads: it may not hold U+0000.
func asName(name any) string {
	text, ok := name.(string)
	if !ok {
		text = fmt.Sprint(name)
	}
	return strings.ReplaceAll(text, "\x00", "\ufffd")
}

// appendPlain appends value as JSON that nginx reads (PROTOCOL 5.2): at most depth
// levels deep, and with no integers of more than 64 bits.
func appendPlain(line []byte, value any, depth int) []byte {
	switch value := value.(type) {
	case nil:
		return append(line, "null"...)
	case bool:
		return strconv.AppendBool(line, value)
	case string:
		return appendString(line, value)
	case []byte:
		return appendString(line, text(string(value)))
	case int:
		return strconv.AppendInt(line, int64(value), 10)
	case int64:
		return strconv.AppendInt(line, value, 10)
	case float64:
		return appendFloat(line, value)
	case json.Number:
		return appendNumber(line, value)
	case map[string]any:
		return appendMap(line, value, depth)
	case []any:
		return appendList(line, value, depth)
	case error, fmt.Stringer:
		return appendString(line, fmt.Sprint(value))
	}
	return appendAny(line, value, depth)
}

func appendFloat(line []byte, value float64) []byte {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return appendString(line, fmt.Sprint(value))
	}
	return strconv.AppendFloat(line, value, 'g', -1, 64)
}

func appendNumber(line []byte, number json.Number) []byte {
	if n, err := number.Int64(); err == nil {
		return strconv.AppendInt(line, n, 10)
	}
	// what has no fraction is too large to be an integer
	if value, err := number.Float64(); err == nil && strings.ContainsAny(string(number), ".eE") {
		return appendFloat(line, value)
	}
	return appendString(line, string(number))
}

func appendMap(line []byte, value map[string]any, depth int) []byte {
	if depth == 0 {
		return appendString(line, fmt.Sprint(value))
	}
	names := make([]string, 0, len(value))
	for name := range value {
		names = append(names, name)
	}
	sort.Strings(names)
	line = append(line, '{')
	for i, name := range names {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(appendString(line, asName(name)), ':')
		line = appendPlain(line, value[name], depth-1)
	}
	return append(line, '}')
}

func appendList(line []byte, value []any, depth int) []byte {
	if depth == 0 {
		return appendString(line, fmt.Sprint(value))
	}
	line = append(line, '[')
	for i, item := range value {
		if i > 0 {
			line = append(line, ',')
		}
		line = appendPlain(line, item, depth-1)
	}
	return append(line, ']')
}

// appendAny appends what encoding/json makes of value, or else what fmt prints.
func appendAny(line []byte, value any, depth int) []byte {
	data, err := json.Marshal(value)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		var plain any
		if err = decoder.Decode(&plain); err == nil {
			return appendPlain(line, plain, depth)
		}
	}
	return appendString(line, fmt.Sprint(value))
}
