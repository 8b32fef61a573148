package tritonsim

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// log keeps what the server printed, in Triton's format.
type log struct {
	mu    sync.Mutex
	lines []logged
	copy  io.Writer // if set
}

type logged struct {
	at   time.Time
	text string
}

// mostLines bounds the memory; the oldest lines go first.
const mostLines = 2000

// Levels of a log line.
const (
	info    = 'I'
	warning = 'W'
	failure = 'E'
)

// printf adds a line with Triton's head: level, date, time, process, place.
func (l *log) printf(level rune, place, format string, args ...any) {
	now := time.Now()
	l.add(now, fmt.Sprintf("%c%s 1 %s] %q", level, now.UTC().Format("0102 15:04:05.000000"), place, fmt.Sprintf(format, args...)))
}

// print adds a line as it is.
func (l *log) print(text string) { l.add(time.Now(), text) }

func (l *log) add(at time.Time, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) >= mostLines {
		l.lines = slices.Delete(l.lines, 0, mostLines/2)
	}
	l.lines = append(l.lines, logged{at, text})
	if l.copy != nil {
		fmt.Fprintln(l.copy, text)
	}
}

// since returns the lines from a time on.
func (l *log) since(at time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text strings.Builder
	for _, line := range l.lines {
		if !line.at.Before(at) {
			text.WriteString(line.text)
			text.WriteByte('\n')
		}
	}
	return text.String()
}
