package batcher

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

func integers(text string) (numbers []int, err error) {
	for _, field := range strings.Fields(strings.ReplaceAll(text, ",", " ")) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// lag reads "40us" or "15us..40us" (least and mean).
func lag(text string) (Lag, error) {
	a, b, given := strings.Cut(text, "..")
	if !given {
		b = a
	}
	least, err := time.ParseDuration(a)
	if err != nil {
		return Lag{}, err
	}
	mean, err := time.ParseDuration(b)
	return Lag{least, mean}, err
}

// serviceTable reads "20ms" or "10.8ms + 0.56ms".
func serviceTable(text string) (Table, error) {
	a, b, given := strings.Cut(text, "+")
	base, err := time.ParseDuration(strings.TrimSpace(a))
	if err != nil || !given {
		return Constant(base), err
	}
	each, err := time.ParseDuration(strings.TrimSpace(b))
	return Linear(base, each), err
}

// script reads "7@0 2x3@10 20@0+2.5 1p2@5 1t20@5 1s7@5": count, then xITEMS,
// pPRIORITY, tTIMEOUT_MS or sSHAPE, @ the time in ms, + the interval in ms.
func script(text string) (arrivals []Arrival, err error) {
	for _, field := range strings.Fields(text) {
		head, when, ok := strings.Cut(field, "@")
		if !ok {
			return nil, fmt.Errorf("arrival %q has no time", field)
		}
		when, every, _ := strings.Cut(when, "+")
		at, err := strconv.ParseFloat(when, 64)
		if err != nil {
			return nil, err
		}
		step := 0.0
		if every != "" {
			if step, err = strconv.ParseFloat(every, 64); err != nil {
				return nil, err
			}
		}
		count, a, err := arrivalHead(head)
		if err != nil {
			return nil, err
		}
		if count < 1 || count > mostArrivals-len(arrivals) || !(at >= 0 && step >= 0 && at+float64(count)*step < float64(maxServiceTime)/1e6) {
			return nil, fmt.Errorf("arrival %q: want 1 to %d requests within %v", field, mostArrivals, maxServiceTime)
		}
		for i := range count {
			a.At = time.Duration((at + float64(i)*step) * 1e6)
			arrivals = append(arrivals, a)
		}
	}
	return arrivals, nil
}

// mostArrivals of a script bound what a typing error can ask for.
const mostArrivals = 10_000

func arrivalHead(head string) (count int, a Arrival, err error) {
	end := strings.IndexAny(head, "xpts")
	if end < 0 {
		end = len(head)
	}
	if count, err = strconv.Atoi(head[:end]); err != nil {
		return 0, a, err
	}
	for rest := head[end:]; rest != ""; {
		kind := rest[0]
		rest = rest[1:]
		if end = strings.IndexAny(rest, "xpts"); end < 0 {
			end = len(rest)
		}
		n, err := strconv.Atoi(rest[:end])
		if err != nil {
			return 0, a, err
		}
		rest = rest[end:]
		switch kind {
		case 'x':
			a.Size = n
		case 'p':
			a.Priority = n
		case 't':
			a.Timeout = time.Duration(n) * time.Millisecond
		case 's':
			a.Shape = uint64(n)
		}
	}
	return count, a, nil
}
