package nuclio

import (
	"errors"

	"github.com/nuclio/logger"
)

// CallFunction is how a Platform reaches a function.
type CallFunction func(functionName string, event Event) (Response, error)

// Platform calls other functions.
type Platform struct {
	call CallFunction
}

// NewPlatform is nuclio's constructor; a platform that tests make calls nothing.
func NewPlatform(parent logger.Logger, kind string, namespace string) (*Platform, error) {
	return NewCallingPlatform(func(string, Event) (Response, error) {
		return Response{}, errors.New("functions can't be called here")
	}), nil
}

// NewCallingPlatform returns a platform that calls functions by call.
func NewCallingPlatform(call CallFunction) *Platform {
	return &Platform{call}
}

// CallFunction runs another function with event and returns what it answered,
// whatever the status.  The error says that there was no answer.
func (p *Platform) CallFunction(functionName string, event Event) (Response, error) {
	return p.call(functionName, event)
}
