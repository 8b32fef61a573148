package batcher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ProfileError says what is wrong with a profile file, and where. It wraps ErrConfig.
type ProfileError struct {
	File   string
	Line   int // from 1
	Reason string
}

// Error returns for example "arcface/profile.json:4: compute_ms: batch size 8: negative time -2".
func (e *ProfileError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason) }

// Unwrap returns ErrConfig.
func (e *ProfileError) Unwrap() error { return ErrConfig }

// ParseProfile reads a profile.json. The name is for messages only. Impossible
// figures, unknown keys and anything given twice are refused with their line,
// as a *ProfileError.
//
//	{
//	  "compute_ms":     {"1": 2.27, "8": 2.37, "32": 5.79},
//	  "input_copy_ms":  {"1": 0.16, "32": 1.29},
//	  "output_copy_ms": {"1": 0.12, "32": 0.20},
//	  "device": "gpu0",
//	  "reference_elements": 46080,
//	  "memory_mib": 32,
//	  "load_ms": 200,
//	  "source": "where the figures come from"
//	}
//
// Only compute_ms is required. memory_mib may be an object as well: the MiB of
// all instances together by their count, which must not decrease.
func ParseProfile(name string, data []byte) (*Profile, error) {
	d := &profileDecoder{name: name, data: data, json: json.NewDecoder(bytes.NewReader(data))}
	d.json.UseNumber()
	p := new(Profile)
	if err := d.object(func(key string) error { return d.field(p, key) }); err != nil {
		return nil, err
	}
	if _, err := d.json.Token(); !errors.Is(err, io.EOF) {
		return nil, d.errorf("something follows the closing brace")
	}
	if p.Compute.IsZero() {
		return nil, d.errorf("compute_ms is missing: it gives the time of one execution by batch size")
	}
	return p, nil
}

var profileKeys = []string{"compute_ms", "input_copy_ms", "output_copy_ms", "device",
	"reference_elements", "memory_mib", "load_ms", "source"}

type profileDecoder struct {
	name string
	data []byte
	json *json.Decoder
}

func (d *profileDecoder) field(p *Profile, key string) (err error) {
	switch key {
	case "compute_ms":
		p.Compute, err = d.table(key)
	case "input_copy_ms":
		p.InputCopy, err = d.table(key)
	case "output_copy_ms":
		p.OutputCopy, err = d.table(key)
	case "device":
		p.Device, err = d.text(key)
	case "source":
		p.Source, err = d.text(key)
	case "reference_elements":
		p.ReferenceElements, err = d.number(key)
	case "load_ms":
		var ms float64
		if ms, err = d.number(key); err == nil && ms > float64(maxServiceTime/time.Millisecond) {
			err = d.errorf("%s: %g is above %v", key, ms, maxServiceTime)
		}
		p.LoadTime = time.Duration(ms * float64(time.Millisecond))
	case "memory_mib":
		p.memory, err = d.memory(key)
	default:
		err = d.errorf("unknown key %q; known are %s", key, strings.Join(profileKeys, ", "))
	}
	return err
}

// object reads { "key": ..., } and calls field behind each key, which must
// come only once.
func (d *profileDecoder) object(field func(key string) error) error {
	token, err := d.token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return d.errorf("want an object, got %v", token)
	}
	seen := map[string]bool{}
	for d.json.More() {
		token, err := d.token()
		if err != nil {
			return err
		}
		key := fmt.Sprint(token)
		if seen[key] {
			return d.errorf("%q is given twice", key)
		}
		seen[key] = true
		if err := field(key); err != nil {
			return err
		}
	}
	_, err = d.token()
	return err
}

func (d *profileDecoder) table(key string) (Table, error) {
	var t Table
	err := d.object(func(text string) error {
		size, err := d.count(key, text)
		if err != nil {
			return err
		}
		ms, err := d.number(fmt.Sprintf("%s: batch size %d", key, size))
		if err != nil {
			return err
		}
		if err := t.add(size, ms*float64(time.Millisecond)); err != nil {
			return d.errorf("%s: %v", key, err)
		}
		return nil
	})
	if err == nil && t.IsZero() {
		err = d.errorf("%s: no batch size is given", key)
	}
	t.sort()
	return t, err
}

// memory reads a number, or the total by instance count, which cannot decrease.
func (d *profileDecoder) memory(key string) ([]memoryPoint, error) {
	if !d.objectFollows() {
		mib, err := d.number(key)
		return []memoryPoint{{1, mib}}, err
	}
	var points []memoryPoint
	err := d.object(func(text string) error {
		count, err := d.count(key, text)
		if err != nil {
			return err
		}
		mib, err := d.number(fmt.Sprintf("%s: %d instances", key, count))
		if err != nil {
			return err
		}
		for _, p := range points {
			if (count > p.instances && mib < p.mib) || (count < p.instances && mib > p.mib) {
				return d.errorf("%s: %d instances cannot take %g MiB when %d take %g", key, count, mib, p.instances, p.mib)
			}
		}
		points = append(points, memoryPoint{count, mib})
		return nil
	})
	slices.SortFunc(points, func(a, b memoryPoint) int { return a.instances - b.instances })
	return points, err
}

// objectFollows reports whether the next value begins with a brace.
func (d *profileDecoder) objectFollows() bool {
	rest := d.data[min(int(d.json.InputOffset()), len(d.data)):]
	rest = bytes.TrimLeft(rest, ": \t\r\n")
	return len(rest) > 0 && rest[0] == '{'
}

// count reads a key that is a size or a number of instances.
func (d *profileDecoder) count(what, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1<<20 || strconv.Itoa(n) != text {
		return 0, d.errorf("%s: %q is not a whole number from 1 on", what, text)
	}
	return n, nil
}

func (d *profileDecoder) number(what string) (float64, error) {
	token, err := d.token()
	if err != nil {
		return 0, err
	}
	text, ok := token.(json.Number)
	if !ok {
		return 0, d.errorf("%s: want a number, got %v", what, describe(token))
	}
	value, err := text.Float64()
	switch {
	case err != nil || math.IsInf(value, 0) || math.IsNaN(value):
		return 0, d.errorf("%s: %s is too large", what, text)
	case value < 0:
		return 0, d.errorf("%s: %s is negative", what, text)
	}
	return value, nil
}

func (d *profileDecoder) text(what string) (string, error) {
	token, err := d.token()
	if err != nil {
		return "", err
	}
	text, ok := token.(string)
	if !ok {
		return "", d.errorf("%s: want a text, got %v", what, describe(token))
	}
	return text, nil
}

func describe(token json.Token) string {
	switch token := token.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(token)
	}
	return fmt.Sprint(token)
}

// token returns the next token; what is no JSON (NaN, for example) is refused here.
func (d *profileDecoder) token() (json.Token, error) {
	token, err := d.json.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, &ProfileError{d.name, d.line(syntax.Offset), "not JSON: " + syntax.Error()}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, d.errorf("the file ends too early")
	case err != nil:
		return nil, d.errorf("not JSON: %v", err)
	}
	return token, nil
}

func (d *profileDecoder) errorf(format string, args ...any) error {
	return &ProfileError{d.name, d.line(d.json.InputOffset()), fmt.Sprintf(format, args...)}
}

// line returns the line of the byte before offset.
func (d *profileDecoder) line(offset int64) int {
	return 1 + bytes.Count(d.data[:min(int(offset), len(d.data))], []byte{'\n'})
}
