// The workloads, in Go.
package main

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/nuclio/nuclio-sdk-go"
)

func Hello(context *nuclio.Context, event nuclio.Event) (interface{}, error) {
	return "Hello, world", nil
}

func Json(context *nuclio.Context, event nuclio.Event) (interface{}, error) {
	var value interface{}
	err := json.Unmarshal(event.GetBody(), &value)
	return value, err
}

func Body(context *nuclio.Context, event nuclio.Event) (interface{}, error) {
	return strconv.Itoa(len(event.GetBody())), nil
}

func Wait(context *nuclio.Context, event nuclio.Event) (interface{}, error) {
	time.Sleep(10 * time.Millisecond)
	return "waited", nil
}
