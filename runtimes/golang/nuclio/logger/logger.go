// Package logger has the interface of nuclio's loggers, under the import path
// that functions written for nuclio use.
package logger

import "context"

// Level is how grave a record is.
type Level uint8

// The levels, the least grave first.
const (
	LevelDebug Level = iota
	LevelInfo
	LevelWarn
	LevelError
)

// Logger takes records.
//
// The methods without "With" take a format as of fmt.Sprintf and its operands;
// those with it a message and then names and values in turn:
//
//	logger.InfoWith("resized", "width", 64, "height", 48)
type Logger interface {
	Error(format interface{}, vars ...interface{})
	Warn(format interface{}, vars ...interface{})
	Info(format interface{}, vars ...interface{})
	Debug(format interface{}, vars ...interface{})

	ErrorCtx(ctx context.Context, format interface{}, vars ...interface{})
	WarnCtx(ctx context.Context, format interface{}, vars ...interface{})
	InfoCtx(ctx context.Context, format interface{}, vars ...interface{})
	DebugCtx(ctx context.Context, format interface{}, vars ...interface{})

	ErrorWith(format interface{}, vars ...interface{})
	WarnWith(format interface{}, vars ...interface{})
	InfoWith(format interface{}, vars ...interface{})
	DebugWith(format interface{}, vars ...interface{})

	ErrorWithCtx(ctx context.Context, format interface{}, vars ...interface{})
	WarnWithCtx(ctx context.Context, format interface{}, vars ...interface{})
	InfoWithCtx(ctx context.Context, format interface{}, vars ...interface{})
	DebugWithCtx(ctx context.Context, format interface{}, vars ...interface{})

	// Flush sends what is buffered.
	Flush()

	// GetChild returns a logger whose records carry name.
	GetChild(name string) Logger
}
