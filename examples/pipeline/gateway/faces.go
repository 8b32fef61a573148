package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Settings of the face detector.
const (
	leastScore  = 0.5
	mostOverlap = 0.4
	mostFaces   = 64
	side        = 640 // of the detector's canvas
)

var (
	detectorCanvas = canvas{width: side, height: side, offset: 127.5, scale: 1.0 / 128}
	cropCanvas     = canvas{width: 112, height: 112, offset: 127.5, scale: 1.0 / 127.5}
)

// found is a face as the detector sees it, in pixels of its canvas.
type found struct {
	box   Box
	marks marks
	score float32
}

// faces detects, aligns and embeds faces: one request to the encoder for all
// faces of a picture.
func (j *job) faces(ctx context.Context) error {
	tensor := j.prepare(detectorCanvas)
	defer tensor.free()
	outputs, err := j.infer(ctx, faceDetector, "input.1", []int64{1, 3, side, side}, tensor.raw)
	if err != nil {
		return err
	}
	all, err := outputs.faces()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		all = assumedFaces(j.gateway.options.Assume)
		j.set(func(a *Answer) { a.Assumed += len(all) })
	}
	if len(all) == 0 {
		return nil
	}
	for i := range all {
		all[i].unscale(float32(tensor.ratio))
	}
	return j.recognize(ctx, all)
}

func (j *job) recognize(ctx context.Context, all []found) error {
	crops := cropCanvas.tensor(len(all))
	defer crops.free()
	j.align(all, crops.raw)
	outputs, err := j.infer(ctx, faceEncoder, "input", []int64{int64(len(all)), 3, 112, 112}, crops.raw)
	if err != nil {
		return err
	}
	embeddings, err := outputs.floats("output", 512*len(all))
	if err != nil {
		return err
	}
	faces := make([]Face, len(all))
	for i, f := range all {
		faces[i] = Face{f.box, f.score, normal(embeddings[512*i : 512*(i+1)])}
	}
	j.set(func(a *Answer) { a.Faces = faces })
	return nil
}

// align draws every face upright onto the encoder's canvas.
func (j *job) align(all []found, raw []byte) {
	defer j.stages.time("align")()
	size := cropCanvas.bytes()
	for i, f := range all {
		j.warp(cropCanvas, f.marks.similarity(reference), raw[size*i:size*(i+1)])
	}
}

// faces decodes the three strides: two anchors a cell, whose boxes are distances
// from the cell's corner, in strides (Guo et al., "Sample and Computation
// Redistribution for Efficient Face Detection", 2022).
func (o outputs) faces() ([]found, error) {
	var all []found
	for _, stride := range []int{8, 16, 32} {
		n := 2 * (side / stride) * (side / stride)
		scores, err := o.floats(fmt.Sprintf("score_%d", stride), n)
		if err != nil {
			return nil, err
		}
		boxes, _, err := o.raw(fmt.Sprintf("bbox_%d", stride))
		if err == nil && len(boxes) != 16*n {
			err = fmt.Errorf("%s: bbox_%d has %d bytes, not %d", o.model, stride, len(boxes), 16*n)
		}
		if err != nil {
			return nil, err
		}
		points, _, err := o.raw(fmt.Sprintf("kps_%d", stride))
		if err == nil && len(points) != 40*n {
			err = fmt.Errorf("%s: kps_%d has %d bytes, not %d", o.model, stride, len(points), 40*n)
		}
		if err != nil {
			return nil, err
		}
		for i, score := range scores {
			if !(score >= leastScore) { // also where it is no number
				continue
			}
			if f := decode(boxes, points, i, stride, score); f.plausible() {
				all = append(all, f)
			}
		}
	}
	return distinct(all), nil
}

// decode reads anchor i of a stride.
func decode(boxes, points []byte, i, stride int, score float32) found {
	s, cells := float32(stride), side/stride
	x, y := s*float32(i/2%cells), s*float32(i/2/cells)
	f := found{score: score, box: Box{
		x - s*number(boxes, 4*i), y - s*number(boxes, 4*i+1),
		x + s*number(boxes, 4*i+2), y + s*number(boxes, 4*i+3),
	}}
	for k := range f.marks {
		f.marks[k] = point{float64(x + s*number(points, 10*i+2*k)), float64(y + s*number(points, 10*i+2*k+1))}
	}
	return f
}

// plausible refuses boxes without an area, and whatever is far outside: models
// that overflow answer with infinities.
func (f found) plausible() bool {
	within := func(v float64) bool { return v > -side && v < 2*side }
	for _, v := range f.box {
		if !within(float64(v)) {
			return false
		}
	}
	for _, p := range f.marks {
		if !within(p.x) || !within(p.y) {
			return false
		}
	}
	return f.box[2]-f.box[0] >= 1 && f.box[3]-f.box[1] >= 1
}

// distinct keeps the best of faces that overlap.
func distinct(all []found) []found {
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(b.score, a.score) })
	var kept []found
	for _, f := range all {
		double := slices.ContainsFunc(kept, func(k found) bool { return overlap(f.box, k.box) > mostOverlap })
		if !double && len(kept) < mostFaces {
			kept = append(kept, f)
		}
	}
	return kept
}

// overlap is the intersection of two boxes by their union.
func overlap(a, b Box) float32 {
	width := min(a[2], b[2]) - max(a[0], b[0])
	height := min(a[3], b[3]) - max(a[1], b[1])
	if width <= 0 || height <= 0 {
		return 0
	}
	common := width * height
	return common / (a.area() + b.area() - common)
}

func (b Box) area() float32 { return (b[2] - b[0]) * (b[3] - b[1]) }

// unscale turns pixels of the canvas into pixels of the picture.
func (f *found) unscale(ratio float32) {
	for k := range f.box {
		f.box[k] /= ratio
	}
	for k := range f.marks {
		f.marks[k].x /= float64(ratio)
		f.marks[k].y /= float64(ratio)
	}
}

// assumedFaces places faces beside each other in the upper half.
func assumedFaces(n int) []found {
	var all []found
	for i := range min(n, mostFaces) {
		left, size := float64(i*side/n), 0.8*side/float64(max(n, 4))
		f := found{box: Box{float32(left), 40, float32(left + size), float32(40 + size)}, score: 1}
		for k, p := range reference {
			f.marks[k] = point{left + p.x*size/112, 40 + p.y*size/112}
		}
		all = append(all, f)
	}
	return all
}
