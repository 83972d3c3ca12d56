// Counts what is posted, as wc does in the C locale.
package main

import "github.com/nuclio/nuclio-sdk-go"

func Handler(context *nuclio.Context, event nuclio.Event) (interface{}, error) {
	body := event.GetBody()
	lines, words := 0, 0
	inWord := false
	for _, c := range body {
		if c == '\n' {
			lines++
		}
		space := c == ' ' || c >= '\t' && c <= '\r'
		if !space && !inWord {
			words++
		}
		inWord = !space
	}
	return map[string]int{"lines": lines, "words": words, "bytes": len(body)}, nil
}
