package fnruntime

import (
	"fmt"
	"os"
	"strconv"
)

// settings is what the process is told, PROTOCOL 1.2.
type settings struct {
	name        string
	slot        int
	concurrency int
	level       int // index of levels
	lineMax     int // bytes
	call        string
}

func readSettings() (settings, error) {
	if version := os.Getenv("FN_PROTOCOL"); version != "" && version != "1" {
		return settings{}, fmt.Errorf("unknown protocol %q", version)
	}
	return settings{
		name:        os.Getenv("FN_NAME"),
		slot:        number("FN_SLOT", 0),
		concurrency: number("FN_CONCURRENCY", 1),
		level:       levelOf(os.Getenv("FN_LOG_LEVEL"), levelInfo),
		lineMax:     number("FN_LINE_MAX", 16384),
		call:        os.Getenv("FN_CALL"),
	}, nil
}

func number(name string, absent int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return absent
}
