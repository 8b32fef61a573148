package gateway

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/image/math/f64"
)

// Settings of reading text.
const (
	textLeast  = 0.3 // probability of a pixel
	textSide   = 736 // of the longer side of the detector's canvas
	lineHeight = 48
	lineWidth  = 320 // of a line on the reader's canvas
	mostLines  = 32
	characters = 438
	tokens     = 77
)

// lines finds lines of text and reads them: one request to the reader for all of
// them.
func (j *job) lines(ctx context.Context) error {
	c := j.textCanvas()
	tensor := j.prepare(c)
	defer tensor.free()
	outputs, err := j.infer(ctx, textDetector, "x", []int64{1, 3, int64(c.height), int64(c.width)}, tensor.raw)
	if err != nil {
		return err
	}
	probability, err := outputs.floats("fetch_name_0", c.width*c.height)
	if err != nil {
		return err
	}
	boxes := textBoxes(probability, c.width)
	if len(boxes) == 0 {
		boxes = assumedLines(j.gateway.options.Assume, c)
		j.set(func(a *Answer) { a.Assumed += len(boxes) })
	}
	if len(boxes) == 0 {
		return nil
	}
	for i := range boxes {
		for k := range boxes[i] {
			boxes[i][k] /= float32(tensor.ratio)
		}
	}
	return j.readLines(ctx, boxes)
}

// textCanvas keeps the picture's shape, in multiples of 32.
func (j *job) textCanvas() canvas {
	size := j.picture.Bounds().Size()
	ratio := float64(textSide) / float64(max(size.X, size.Y))
	round := func(n int) int { return max(32, int(ratio*float64(n))/32*32) }
	return canvas{width: round(size.X), height: round(size.Y), offset: 127.5, scale: 1.0 / 127.5, blueFirst: true}
}

// textBoxes finds rows of pixels that may be text, and their left and right ends.
// Real readers look at contours; lines that run straight need no more than this.
func textBoxes(probability []float32, width int) []Box {
	var boxes []Box
	var open *Box
	for y := range len(probability) / width {
		row := probability[y*width : (y+1)*width]
		left := slices.IndexFunc(row, func(p float32) bool { return p >= textLeast })
		if left < 0 {
			open = nil
			continue
		}
		right := width - 1
		for row[right] < textLeast {
			right--
		}
		if open == nil {
			if len(boxes) == mostLines {
				return thick(boxes)
			}
			boxes = append(boxes, Box{float32(left), float32(y), float32(right + 1), float32(y)})
			open = &boxes[len(boxes)-1]
		}
		open[0], open[2], open[3] = min(open[0], float32(left)), max(open[2], float32(right+1)), float32(y+1)
	}
	return thick(boxes)
}

// thick drops what is too small for a character.
func thick(boxes []Box) []Box {
	return slices.DeleteFunc(boxes, func(b Box) bool { return b[3]-b[1] < 3 || b[2]-b[0] < 3 })
}

// assumedLines places lines below each other.
func assumedLines(n int, c canvas) []Box {
	var boxes []Box
	for i := range min(n, mostLines) {
		top := float32(c.height) * float32(i) / float32(n)
		boxes = append(boxes, Box{0, top, float32(c.width), top + float32(c.height)/float32(2*n)})
	}
	return boxes
}

func (j *job) readLines(ctx context.Context, boxes []Box) error {
	c := canvas{width: lineWidth, height: lineHeight, offset: 127.5, scale: 1.0 / 127.5, blueFirst: true}
	crops := c.tensor(len(boxes))
	defer crops.free()
	j.cut(c, boxes, crops.raw)
	outputs, err := j.infer(ctx, textReader, "x", []int64{int64(len(boxes)), 3, lineHeight, lineWidth}, crops.raw)
	if err != nil {
		return err
	}
	raw, shape, err := outputs.raw("fetch_name_0")
	if err != nil {
		return err
	}
	if len(shape) != 3 || shape[0] != int64(len(boxes)) || shape[1] < 1 || shape[2] != characters || int64(len(raw)) != 4*shape[0]*shape[1]*shape[2] {
		return fmt.Errorf("%s: the answer has shape %v and %d bytes", textReader, shape, len(raw))
	}
	lines := make([]Line, len(boxes))
	size := len(raw) / len(boxes)
	for i, box := range boxes {
		lines[i] = Line{box, greedy(raw[size*i : size*(i+1)])}
	}
	j.set(func(a *Answer) { a.Lines = lines })
	return nil
}

// cut draws every line onto the reader's canvas.
func (j *job) cut(c canvas, boxes []Box, raw []byte) {
	defer j.stages.time("cut")()
	for i, b := range boxes {
		x, y := float64(lineWidth)/float64(b[2]-b[0]), float64(lineHeight)/float64(b[3]-b[1])
		j.warp(c, f64.Aff3{x, 0, -x * float64(b[0]), 0, y, -y * float64(b[1])}, raw[i*c.bytes():(i+1)*c.bytes()])
	}
}

// greedy takes the likeliest character of every step, drops repetitions and
// blanks, which are character 0 (Graves et al., "Connectionist Temporal
// Classification", 2006).
func greedy(raw []byte) []int {
	out, last := []int{}, 0
	for step := range len(raw) / (4 * characters) {
		best, most := 0, number(raw, step*characters)
		for k := 1; k < characters; k++ {
			if p := number(raw, step*characters+k); p > most {
				best, most = k, p
			}
		}
		if best != 0 && best != last {
			out = append(out, best)
		}
		last = best
	}
	return out
}

// embedText embeds what was read: the characters of all lines as tokens.
func (j *job) embedText(ctx context.Context) error {
	raw := make([]byte, 8*tokens)
	n := 0
	for _, line := range j.answer.Lines {
		for _, c := range line.Characters {
			if n < tokens {
				binary.LittleEndian.PutUint64(raw[8*n:], uint64(c))
				n++
			}
		}
	}
	outputs, err := j.inferAs(ctx, textEncoder, "INT64", "text_tokens", []int64{1, tokens}, raw)
	if err != nil {
		return err
	}
	embedding, err := outputs.floats("text_embeddings", 512)
	if err != nil {
		return err
	}
	j.set(func(a *Answer) { a.Text = normal(embedding) })
	return nil
}
