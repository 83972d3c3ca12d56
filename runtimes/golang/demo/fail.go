// A function that fails.
package main

import "github.com/nuclio/nuclio-sdk-go"

func Handler(context *nuclio.Context, event nuclio.Event) (interface{}, error) {
	context.Logger.Warn("about to fail")
	panic("this function always fails")
}
