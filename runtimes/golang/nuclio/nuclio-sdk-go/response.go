package nuclio

import "io"

// ProcessingResult is what Response and ResponseStream have in common.
type ProcessingResult interface {
	IsStream() bool
	GetHeaders() map[string]interface{}
	GetContentType() string
	GetStatusCode() int
	SetStatusCode(int)
	GetBody() interface{}
}

// Response is an answer.  A StatusCode of 0 is 200.  A ContentType wins over one
// in Headers.  A value of Headers is a string, []byte, number or bool, or a slice
// of strings: several lines.
type Response struct {
	StatusCode  int
	ContentType string
	Headers     map[string]interface{}
	Body        []byte
}

// IsStream returns false.
func (r *Response) IsStream() bool { return false }

// GetHeaders returns Headers.
func (r *Response) GetHeaders() map[string]interface{} { return r.Headers }

// GetContentType returns ContentType.
func (r *Response) GetContentType() string { return r.ContentType }

// GetStatusCode returns StatusCode.
func (r *Response) GetStatusCode() int { return r.StatusCode }

// SetStatusCode sets StatusCode.
func (r *Response) SetStatusCode(statusCode int) { r.StatusCode = statusCode }

// GetBody returns Body.
func (r *Response) GetBody() interface{} { return r.Body }

// ResponseStream is an answer in chunks.  The handler returns it, and a goroutine
// that it started writes the chunks, each of which is sent at once:
//
//	stream := nuclio.NewResponseStream("text/plain", nil, 200)
//	go func() {
//		defer stream.StopStreaming()
//		stream.SendChunk([]byte("first\n"))
//	}()
//	return stream, nil
type ResponseStream struct {
	contentType string
	headers     map[string]interface{}
	statusCode  int
	reader      io.ReadCloser
	writer      io.Writer
}

// NewResponseStream returns a stream on an io.Pipe.
func NewResponseStream(contentType string, headers map[string]interface{}, statusCode int) *ResponseStream {
	reader, writer := io.Pipe()
	return NewCustomResponseStream(contentType, headers, statusCode, reader, writer)
}

// NewCustomResponseStream returns a stream of what reader has; SendChunk and
// StreamFrom write to writer, which may be nil.
func NewCustomResponseStream(contentType string, headers map[string]interface{}, statusCode int,
	reader io.ReadCloser, writer io.Writer) *ResponseStream {
	return &ResponseStream{contentType, headers, statusCode, reader, writer}
}

// GetWriter returns where chunks are written; nil when the stream was stopped.
// That of NewResponseStream is an *io.PipeWriter, whose CloseWithError aborts the
// client's connection.
func (s *ResponseStream) GetWriter() io.Writer { return s.writer }

// SendChunk writes a chunk.  It fails with io.ErrClosedPipe when the stream was
// stopped, or when the client is gone.
func (s *ResponseStream) SendChunk(chunk []byte) (int, error) {
	if s.writer == nil {
		return 0, io.ErrClosedPipe
	}
	return s.writer.Write(chunk)
}

// StreamFrom writes all that reader has; it fails as SendChunk does.
func (s *ResponseStream) StreamFrom(reader io.Reader) (int64, error) {
	if s.writer == nil {
		return 0, io.ErrClosedPipe
	}
	return io.Copy(s.writer, reader)
}

// StopStreaming ends the stream.
func (s *ResponseStream) StopStreaming() {
	if closer, ok := s.writer.(io.Closer); ok {
		closer.Close()
	}
	s.writer = nil
}

// IsStream returns true.
func (s *ResponseStream) IsStream() bool { return true }

// GetHeaders returns the headers.
func (s *ResponseStream) GetHeaders() map[string]interface{} { return s.headers }

// GetContentType returns the content type.
func (s *ResponseStream) GetContentType() string { return s.contentType }

// GetStatusCode returns the status.
func (s *ResponseStream) GetStatusCode() int { return s.statusCode }

// SetStatusCode sets the status, as long as the handler has not returned.
func (s *ResponseStream) SetStatusCode(statusCode int) { s.statusCode = statusCode }

// GetBody returns the io.ReadCloser that is sent.
func (s *ResponseStream) GetBody() interface{} { return s.reader }
