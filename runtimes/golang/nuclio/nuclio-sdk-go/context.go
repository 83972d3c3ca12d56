// Package nuclio is what functions written for nuclio import: events, responses,
// errors with a status, and the context of a handler.
//
// A function is a package main without main(), with
//
//	func Handler(context *nuclio.Context, event nuclio.Event) (interface{}, error)
//	func InitContext(context *nuclio.Context) error // may be absent
package nuclio

import "github.com/nuclio/logger"

// DataBinding is a client of a store; there are none here.
type DataBinding interface{}

// Context is what a handler has beside the event.  There is one for each event
// that the process runs at the same time.
type Context struct {
	// Logger's records belong to the event in which they are made.
	Logger logger.Logger

	DataBinding map[string]DataBinding

	// Platform calls other functions.
	Platform *Platform

	// WorkerID differs between all contexts of the function.
	WorkerID int

	// UserData is the handler's own, from InitContext on.
	UserData interface{}

	FunctionName        string
	FunctionVersion     int
	TriggerKind         string
	TriggerName         string
	WorkerAllocatorName string
}
