package nuclio

import (
	"errors"
	"fmt"
)

// WithStatusCode is what an error with an HTTP status has.
type WithStatusCode interface {
	StatusCode() int
}

// ErrorWithStatusCode is an error that a handler returns to answer with a status
// and the error's text as the body.
type ErrorWithStatusCode struct {
	error
	statusCode int
}

// GetError returns the error that was wrapped, or nil.
func (e ErrorWithStatusCode) GetError() error {
	return e.error
}

// Unwrap is GetError under the name that the standard library looks for.
func (e ErrorWithStatusCode) Unwrap() error {
	return e.error
}

// StatusCode returns the HTTP status.
func (e ErrorWithStatusCode) StatusCode() int {
	return e.statusCode
}

// Error returns the text of the error, the status's usual one when it has none.
func (e ErrorWithStatusCode) Error() string {
	if e.error != nil {
		return e.error.Error()
	}
	if entry, ok := statuses[e.statusCode]; ok {
		return entry.text
	}
	return fmt.Sprintf("Unknown error: %d", e.statusCode)
}

// GetByStatusCode returns the NewErr function of a status.
func GetByStatusCode(statusCode int) func(string) error {
	if entry, ok := statuses[statusCode]; ok {
		return entry.create
	}
	return NewErrInternalServerError
}

// GetWrapByStatusCode returns the WrapErr function of a status.
func GetWrapByStatusCode(statusCode int) func(error) error {
	if entry, ok := statuses[statusCode]; ok {
		return entry.wrap
	}
	return WrapErrInternalServerError
}

type statusEntry struct {
	text   string
	create func(string) error
	wrap   func(error) error
}

var statuses = make(map[int]statusEntry, 64)

// status makes the three names that a status has below.
func status(code int, text string) (ErrorWithStatusCode, func(string) error, func(error) error) {
	wrap := func(err error) error {
		return &ErrorWithStatusCode{err, code}
	}
	create := func(message string) error {
		return wrap(errors.New(message))
	}
	statuses[code] = statusEntry{text, create, wrap}
	return ErrorWithStatusCode{nil, code}, create, wrap
}

// For each status: the error with its usual text, a function that makes one with
// a text, and one that wraps an error.
var (
	ErrContinue, NewErrContinue, WrapErrContinue                                                                = status(100, "Continue")
	ErrSwitchingProtocols, NewErrSwitchingProtocols, WrapErrSwitchingProtocols                                  = status(101, "Switching Protocols")
	ErrProcessing, NewErrProcessing, WrapErrProcessing                                                          = status(102, "Processing")
	ErrEarlyHints, NewErrEarlyHints, WrapErrEarlyHints                                                          = status(103, "Early Hints")
	ErrCreated, NewErrCreated, WrapErrCreated                                                                   = status(201, "Created")
	ErrAccepted, NewErrAccepted, WrapErrAccepted                                                                = status(202, "Accepted")
	ErrNonAuthoritativeInfo, NewErrNonAuthoritativeInfo, WrapErrNonAuthoritativeInfo                            = status(203, "Non-Authoritative Information")
	ErrNoContent, NewErrNoContent, WrapErrNoContent                                                             = status(204, "No Content")
	ErrResetContent, NewErrResetContent, WrapErrResetContent                                                    = status(205, "Reset Content")
	ErrPartialContent, NewErrPartialContent, WrapErrPartialContent                                              = status(206, "Partial Content")
	ErrMultiStatus, NewErrMultiStatus, WrapErrMultiStatus                                                       = status(207, "Multi-Status")
	ErrAlreadyReported, NewErrAlreadyReported, WrapErrAlreadyReported                                           = status(208, "Already Reported")
	ErrIMUsed, NewErrIMUsed, WrapErrIMUsed                                                                      = status(226, "IM Used")
	ErrMultipleChoices, NewErrMultipleChoices, WrapErrMultipleChoices                                           = status(300, "Multiple Choices")
	ErrMovedPermanently, NewErrMovedPermanently, WrapErrMovedPermanently                                        = status(301, "Moved Permanently")
	ErrFound, NewErrFound, WrapErrFound                                                                         = status(302, "Found")
	ErrSeeOther, NewErrSeeOther, WrapErrSeeOther                                                                = status(303, "See Other")
	ErrNotModified, NewErrNotModified, WrapErrNotModified                                                       = status(304, "Not Modified")
	ErrUseProxy, NewErrUseProxy, WrapErrUseProxy                                                                = status(305, "Use Proxy")
	ErrTemporaryRedirect, NewErrTemporaryRedirect, WrapErrTemporaryRedirect                                     = status(307, "Temporary Redirect")
	ErrPermanentRedirect, NewErrPermanentRedirect, WrapErrPermanentRedirect                                     = status(308, "Permanent Redirect")
	ErrBadRequest, NewErrBadRequest, WrapErrBadRequest                                                          = status(400, "Bad Request")
	ErrUnauthorized, NewErrUnauthorized, WrapErrUnauthorized                                                    = status(401, "Unauthorized")
	ErrPaymentRequired, NewErrPaymentRequired, WrapErrPaymentRequired                                           = status(402, "Payment Required")
	ErrForbidden, NewErrForbidden, WrapErrForbidden                                                             = status(403, "Forbidden")
	ErrNotFound, NewErrNotFound, WrapErrNotFound                                                                = status(404, "Not Found")
	ErrMethodNotAllowed, NewErrMethodNotAllowed, WrapErrMethodNotAllowed                                        = status(405, "Method Not Allowed")
	ErrNotAcceptable, NewErrNotAcceptable, WrapErrNotAcceptable                                                 = status(406, "Not Acceptable")
	ErrProxyAuthRequired, NewErrProxyAuthRequired, WrapErrProxyAuthRequired                                     = status(407, "Proxy Authentication Required")
	ErrRequestTimeout, NewErrRequestTimeout, WrapErrRequestTimeout                                              = status(408, "Request Timeout")
	ErrConflict, NewErrConflict, WrapErrConflict                                                                = status(409, "Conflict")
	ErrGone, NewErrGone, WrapErrGone                                                                            = status(410, "Gone")
	ErrLengthRequired, NewErrLengthRequired, WrapErrLengthRequired                                              = status(411, "Length Required")
	ErrPreconditionFailed, NewErrPreconditionFailed, WrapErrPreconditionFailed                                  = status(412, "Precondition Failed")
	ErrRequestEntityTooLarge, NewErrRequestEntityTooLarge, WrapErrRequestEntityTooLarge                         = status(413, "Request Entity Too Large")
	ErrRequestURITooLong, NewErrRequestURITooLong, WrapErrRequestURITooLong                                     = status(414, "Request URI Too Long")
	ErrUnsupportedMediaType, NewErrUnsupportedMediaType, WrapErrUnsupportedMediaType                            = status(415, "Unsupported Media Type")
	ErrRequestedRangeNotSatisfiable, NewErrRequestedRangeNotSatisfiable, WrapErrRequestedRangeNotSatisfiable    = status(416, "Requested Range Not Satisfiable")
	ErrExpectationFailed, NewErrExpectationFailed, WrapErrExpectationFailed                                     = status(417, "Expectation Failed")
	ErrTeapot, NewErrTeapot, WrapErrTeapot                                                                      = status(418, "I'm a teapot")
	ErrMisdirectedRequest, NewErrMisdirectedRequest, WrapErrMisdirectedRequest                                  = status(421, "Misdirected Request")
	ErrUnprocessableEntity, NewErrUnprocessableEntity, WrapErrUnprocessableEntity                               = status(422, "Unprocessable Entity")
	ErrLocked, NewErrLocked, WrapErrLocked                                                                      = status(423, "Locked")
	ErrFailedDependency, NewErrFailedDependency, WrapErrFailedDependency                                        = status(424, "Failed Dependency")
	ErrTooEarly, NewErrTooEarly, WrapErrTooEarly                                                                = status(425, "Too Early")
	ErrUpgradeRequired, NewErrUpgradeRequired, WrapErrUpgradeRequired                                           = status(426, "Upgrade Required")
	ErrPreconditionRequired, NewErrPreconditionRequired, WrapErrPreconditionRequired                            = status(428, "Precondition Required")
	ErrTooManyRequests, NewErrTooManyRequests, WrapErrTooManyRequests                                           = status(429, "Too Many Requests")
	ErrRequestHeaderFieldsTooLarge, NewErrRequestHeaderFieldsTooLarge, WrapErrRequestHeaderFieldsTooLarge       = status(431, "Request Header Fields Too Large")
	ErrUnavailableForLegalReasons, NewErrUnavailableForLegalReasons, WrapErrUnavailableForLegalReasons          = status(451, "Unavailable For Legal Reasons")
	ErrInternalServerError, NewErrInternalServerError, WrapErrInternalServerError                               = status(500, "Internal Server Error")
	ErrNotImplemented, NewErrNotImplemented, WrapErrNotImplemented                                              = status(501, "Not Implemented")
	ErrBadGateway, NewErrBadGateway, WrapErrBadGateway                                                          = status(502, "Bad Gateway")
	ErrServiceUnavailable, NewErrServiceUnavailable, WrapErrServiceUnavailable                                  = status(503, "Service Unavailable")
	ErrGatewayTimeout, NewErrGatewayTimeout, WrapErrGatewayTimeout                                              = status(504, "Gateway Timeout")
	ErrHTTPVersionNotSupported, NewErrHTTPVersionNotSupported, WrapErrHTTPVersionNotSupported                   = status(505, "HTTP Version Not Supported")
	ErrVariantAlsoNegotiates, NewErrVariantAlsoNegotiates, WrapErrVariantAlsoNegotiates                         = status(506, "Variant Also Negotiates")
	ErrInsufficientStorage, NewErrInsufficientStorage, WrapErrInsufficientStorage                               = status(507, "Insufficient Storage")
	ErrLoopDetected, NewErrLoopDetected, WrapErrLoopDetected                                                    = status(508, "Loop Detected")
	ErrNotExtended, NewErrNotExtended, WrapErrNotExtended                                                       = status(510, "Not Extended")
	ErrNetworkAuthenticationRequired, NewErrNetworkAuthenticationRequired, WrapErrNetworkAuthenticationRequired = status(511, "Network Authentication Required")
)
