package fnruntime

import (
	"strconv"
	"unicode/utf8"
)

const (
	eventLineMax   = 262144 // bytes, PROTOCOL 3.3
	depthMax       = 32     // PROTOCOL 3.3
	headerLinesMax = 100    // PROTOCOL 6.1
	nameMax        = 256    // bytes, PROTOCOL 6.1
	valueMax       = 8192   // bytes, PROTOCOL 6.1

	readyLine = `{"type":"ready","protocol":1}` + "\n"
	endLine   = `{"type":"end"}` + "\n"
)

// appendExpired appends PROTOCOL 5.7.
func appendExpired(line []byte, id string) []byte {
	line = append(line, `{"type":"expired","id":"`...)
	line = append(line, id...)
	return append(line, "\"}\n"...)
}

// appendChunk appends the line of a chunk, PROTOCOL 5.6.
func appendChunk(line []byte, length int) []byte {
	line = append(line, `{"type":"chunk","length":`...)
	line = strconv.AppendInt(line, int64(length), 10)
	return append(line, "}\n"...)
}

// appendError appends PROTOCOL 5.8, shortened to max bytes.
func appendError(line []byte, id string, f *failure, duration int64, max int) []byte {
	start := len(line)
	line = append(line, `{"type":"error","id":"`...)
	line = append(line, id...)
	line = append(line, `","error":`...)
	line = appendFit(line, f.name, nameMax)
	line = append(line, `,"duration_us":`...)
	line = strconv.AppendInt(line, duration, 10)
	line = append(line, `,"message":`...)
	room := max - (len(line) - start) - len(`,"stack":}`+"\n")
	before := len(line)
	line = appendFit(line, f.message, room/2)
	room -= len(line) - before
	line = append(line, `,"stack":`...)
	line = appendFit(line, f.stack, room)
	return append(line, "}\n"...)
}

// appendRefusal appends what says on the control socket why there is no "ready",
// PROTOCOL 2.2.
func appendRefusal(line []byte, f *failure) []byte {
	line = append(line, `{"type":"error","error":`...)
	line = appendFit(line, f.name, nameMax)
	line = append(line, `,"message":`...)
	line = appendFit(line, f.message, 2048)
	return append(line, "}\n"...)
}

// appendLog appends a record, PROTOCOL 5.2, shortened to max bytes.  with holds
// names and values in turn.
func appendLog(line []byte, level int, message string, with []any, max int) []byte {
	start := len(line)
	line = append(line, `{"type":"log","level":"`...)
	line = append(line, levels[level]...)
	line = append(line, `","message":`...)
	room := max - (len(line) - start) - len(`,"with":{}}`+"\n")
	before := len(line)
	line = appendFit(line, message, room/2)
	if len(with) > 0 {
		room -= len(line) - before
		line = append(line, `,"with":`...)
		line = appendWith(line, with, room)
	}
	return append(line, "}\n"...)
}

const hexDigits = "0123456789abcdef"

// appendString appends text as a JSON string; what is no UTF-8 becomes U+FFFD.
func appendString(line []byte, text string) []byte {
	line = append(line, '"')
	for i := 0; i < len(text); {
		var size int
		line, size = appendCharacter(line, text[i:])
		i += size
	}
	return append(line, '"')
}

// appendFit is appendString in at most room bytes (and at least 2): what is too
// long ends with "...".
func appendFit(line []byte, text string, room int) []byte {
	start := len(line)
	cut := start + 1 // where "..." would stand
	line = append(line, '"')
	for i := 0; i < len(text); {
		var size int
		line, size = appendCharacter(line, text[i:])
		i += size
		switch used := len(line) - start; {
		case used > room-1 && room < 5:
			return append(line[:start+1], '"')
		case used > room-1:
			return append(line[:cut], `..."`...)
		case used <= room-4:
			cut = len(line)
		}
	}
	return append(line, '"')
}

// appendCharacter appends the first character of text, and returns its size there.
func appendCharacter(line []byte, text string) ([]byte, int) {
	c := text[0]
	switch {
	case plain[c]:
		return append(line, c), 1
	case c == '"' || c == '\\':
		return append(line, '\\', c), 1
	case c == '\n':
		return append(line, `\n`...), 1
	case c < 0x20:
		return append(line, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15]), 1
	}
	r, size := utf8.DecodeRuneInString(text)
	return utf8.AppendRune(line, r), size
}

// appendBytes appends a byte string (PROTOCOL 3.5): a character a byte.
func appendBytes(line []byte, value string) []byte {
	line = append(line, '"')
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case plain[c]:
			line = append(line, c)
		case c == '"' || c == '\\':
			line = append(line, '\\', c)
		default:
			line = append(line, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(line, '"')
}

// isName checks a header's name, PROTOCOL 6.1.
func isName(name string) bool {
	for i := 0; i < len(name); i++ {
		if !token[name[i]] {
			return false
		}
	}
	return len(name) >= 1 && len(name) <= nameMax
}

// isValue checks a header's value, PROTOCOL 6.1.
func isValue(value string) bool {
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return len(value) <= valueMax
}

var token = func() (set [256]bool) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789" + letters) {
		set[c] = true
	}
	return
}()
