package fnruntime

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/nuclio/logger"
)

// Levels of records, in the order of FN_LOG_LEVEL's.
const (
	levelDebug = iota
	levelInfo
	levelWarn
	levelError
)

var levels = []string{"debug", "info", "warn", "error"}

func levelOf(name string, absent int) int {
	for level, one := range levels {
		if one == name {
			return level
		}
	}
	return absent
}

// channel is where a context's records go: to the event that it runs, if any.  A
// goroutine that a handler started may use it at any time.
type channel struct {
	mutex      sync.Mutex
	connection *connection // nil: no event is running
	level      int         // of the running event
	settings   *settings
	line       []byte
	nginx      Nginx  // in the worker, instead of a connection
	running    *event // there, as
	broken     error  // why it could not be read
}

func (c *channel) begin(to *connection, e *event) {
	c.mutex.Lock()
	c.connection = to
	c.level = levelOf(e.level, c.settings.level)
	c.mutex.Unlock()
}

// send sends a part of the reply that is not its end.
func (c *channel) send(data []byte) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.connection.send(data)
}

// end sends the end of the reply, and sees to it that no record follows.
func (c *channel) end(line, body []byte) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	to := c.connection
	c.connection = nil
	c.level = c.settings.level
	if err := to.send(line); err != nil {
		return err
	}
	return to.send(body)
}

func (c *channel) wants(level int) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return level >= c.level
}

func (c *channel) record(level int, message string, with []any) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.nginx != nil {
		if c.line = c.line[:0]; len(with) > 0 {
			c.line = appendWith(c.line, with, c.settings.lineMax)
		}
		c.nginx.Record(c.running != nil, level, message, c.line)
		return
	}
	if c.connection == nil {
		printRecord(level, message, with)
		return
	}
	c.line = appendLog(c.line[:0], level, message, with, c.settings.lineMax)
	c.connection.send(c.line) // that it is broken is seen when the reply is sent
}

// printRecord writes a record outside of any event: one line on standard error.
func printRecord(level int, message string, with []any) {
	line := append([]byte(levels[level]), ' ')
	line = append(line, strings.ReplaceAll(message, "\n", `\n`)...)
	if len(with) > 0 {
		line = appendWith(append(line, ' '), with, 4096)
	}
	os.Stderr.Write(append(line, '\n'))
}

// eventLogger is nuclio's Logger.
type eventLogger struct {
	channel *channel
	bound   []any // names and values of every record
}

// log is for a format and its operands; a format without any is no format.
func (l *eventLogger) log(level int, format any, vars []any) {
	if !l.channel.wants(level) {
		return
	}
	text, ok := format.(string)
	if !ok {
		text = fmt.Sprint(format)
	}
	if len(vars) > 0 {
		text = fmt.Sprintf(text, vars...)
	}
	l.channel.record(level, text, l.bound)
}

// logWith is for a message with names and values.
func (l *eventLogger) logWith(level int, message any, vars []any) {
	if !l.channel.wants(level) {
		return
	}
	text, ok := message.(string)
	if !ok {
		text = fmt.Sprint(message)
	}
	l.channel.record(level, text, append(vars[:len(vars):len(vars)], l.bound...))
}

func (l *eventLogger) Error(format any, vars ...any) { l.log(levelError, format, vars) }
func (l *eventLogger) Warn(format any, vars ...any)  { l.log(levelWarn, format, vars) }
func (l *eventLogger) Info(format any, vars ...any)  { l.log(levelInfo, format, vars) }
func (l *eventLogger) Debug(format any, vars ...any) { l.log(levelDebug, format, vars) }

func (l *eventLogger) ErrorCtx(_ context.Context, format any, vars ...any) {
	l.log(levelError, format, vars)
}

func (l *eventLogger) WarnCtx(_ context.Context, format any, vars ...any) {
	l.log(levelWarn, format, vars)
}

func (l *eventLogger) InfoCtx(_ context.Context, format any, vars ...any) {
	l.log(levelInfo, format, vars)
}

func (l *eventLogger) DebugCtx(_ context.Context, format any, vars ...any) {
	l.log(levelDebug, format, vars)
}

func (l *eventLogger) ErrorWith(format any, vars ...any) { l.logWith(levelError, format, vars) }
func (l *eventLogger) WarnWith(format any, vars ...any)  { l.logWith(levelWarn, format, vars) }
func (l *eventLogger) InfoWith(format any, vars ...any)  { l.logWith(levelInfo, format, vars) }
func (l *eventLogger) DebugWith(format any, vars ...any) { l.logWith(levelDebug, format, vars) }

func (l *eventLogger) ErrorWithCtx(_ context.Context, format any, vars ...any) {
	l.logWith(levelError, format, vars)
}

func (l *eventLogger) WarnWithCtx(_ context.Context, format any, vars ...any) {
	l.logWith(levelWarn, format, vars)
}

func (l *eventLogger) InfoWithCtx(_ context.Context, format any, vars ...any) {
	l.logWith(levelInfo, format, vars)
}

func (l *eventLogger) DebugWithCtx(_ context.Context, format any, vars ...any) {
	l.logWith(levelDebug, format, vars)
}

// Flush does nothing: records are sent at once.
func (l *eventLogger) Flush() {}

func (l *eventLogger) GetChild(name string) logger.Logger {
	return &eventLogger{l.channel, append(l.bound[:len(l.bound):len(l.bound)], "logger", name)}
}
