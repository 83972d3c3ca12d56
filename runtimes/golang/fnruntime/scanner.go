package fnruntime

import "unicode/utf8"

// scanner reads JSON from the left.  After the first mistake failed is set, and
// what it returns means nothing.
type scanner struct {
	text   string
	at     int
	failed bool
}

// plain holds the bytes that stand for themselves in a string.
var plain = func() (set [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		set[c] = c != '"' && c != '\\'
	}
	return
}()

// next is the next byte that is no white space, 0 at the end.
func (s *scanner) next() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// take takes c if it is next.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) expect(c byte) {
	if !s.take(c) {
		s.failed = true
	}
}

// members calls read for each member of an object: it reads the value.
func (s *scanner) members(read func(name string)) {
	s.expect('{')
	if s.failed || s.take('}') {
		return
	}
	for {
		name := s.bytes()
		s.expect(':')
		if s.failed {
			return
		}
		read(name)
		if s.failed || !s.take(',') {
			break
		}
	}
	s.expect('}')
}

// bytes reads a byte string (PROTOCOL 3.5).
func (s *scanner) bytes() string {
	s.expect('"')
	start := s.at
	for s.at < len(s.text) && plain[s.text[s.at]] {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '"' && !s.failed {
		s.at++
		return s.text[start : s.at-1]
	}
	return s.decode(start)
}

// decode is bytes for a string that begins at start and has been read up to at.
func (s *scanner) decode(start int) string {
	data := []byte(s.text[start:s.at])
	for !s.failed {
		r, size := utf8.DecodeRuneInString(s.text[s.at:])
		s.at += size
		switch {
		case r == '"':
			return string(data)
		case r == '\\':
			r = s.escape()
		case r < 0x20:
			s.failed = true
		}
		if r > 0xff { // RuneError, too
			s.failed = true
		}
		data = append(data, byte(r))
	}
	return ""
}

// escape reads what follows a backslash.
func (s *scanner) escape() rune {
	if s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch c {
		case '"', '\\', '/':
			return rune(c)
		case 'b':
			return '\b'
		case 'f':
			return '\f'
		case 'n':
			return '\n'
		case 'r':
			return '\r'
		case 't':
			return '\t'
		case 'u':
			return s.hex()
		}
	}
	s.failed = true
	return 0
}

func (s *scanner) hex() (r rune) {
	if len(s.text)-s.at < 4 {
		s.failed = true
		return 0
	}
	for _, c := range []byte(s.text[s.at : s.at+4]) {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			s.failed = true
		}
	}
	s.at += 4
	return r
}

// count reads an integer from 0 (PROTOCOL 3.3).
func (s *scanner) count() (n int64) {
	s.next()
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		n = n*10 + int64(s.text[s.at]-'0')
		s.at++
	}
	if s.at == start || s.at-start > 18 {
		s.failed = true
	}
	return n
}

// number reads any number, as it stands.
func (s *scanner) number() string {
	s.next()
	start := s.at
	for s.at < len(s.text) && isNumber(s.text[s.at]) {
		s.at++
	}
	if s.at == start {
		s.failed = true
	}
	return s.text[start:s.at]
}

func isNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c|0x20 == 'e'
}

// skip reads any value, and nothing more of its syntax than it needs to find its
// end: nginx writes JSON.
func (s *scanner) skip() {
	depth := 0
	for !s.failed {
		switch c := s.next(); c {
		case '"':
			s.skipString()
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case ',', ':':
			s.at++
		case 0:
			s.failed = true
		default:
			s.skipWord()
		}
		if depth == 0 {
			return
		}
	}
}

func (s *scanner) skipString() {
	for s.at++; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return
		}
	}
	s.failed = true
}

// skipWord skips a number, true, false or null.
func (s *scanner) skipWord() {
	start := s.at
	for s.at < len(s.text) {
		c := s.text[s.at]
		if !isNumber(c) && (c < 'a' || c > 'z') {
			break
		}
		s.at++
	}
	if s.at == start {
		s.failed = true
	}
}
