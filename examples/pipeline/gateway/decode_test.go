package gateway

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tritonsweep/internal/tritonpb/service"
)

// Whatever turned, scaled and shifted the marks, the alignment undoes it.
func TestSimilarityUndoesEveryMove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.Float64Range(0.1, 10).Draw(t, "scale")
		angle := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "angle")
		shift := point{rapid.Float64Range(-500, 500).Draw(t, "x"), rapid.Float64Range(-500, 500).Draw(t, "y")}
		var moved marks
		sin, cos := math.Sincos(angle)
		for i, p := range reference {
			moved[i] = point{scale*(cos*p.x-sin*p.y) + shift.x, scale*(sin*p.x+cos*p.y) + shift.y}
		}
		m := moved.similarity(reference)
		for i, p := range moved {
			x, y := m[0]*p.x+m[1]*p.y+m[2], m[3]*p.x+m[4]*p.y+m[5]
			if math.Hypot(x-reference[i].x, y-reference[i].y) > 1e-6 {
				t.Fatalf("mark %d comes to (%g, %g), not %v", i, x, y, reference[i])
			}
		}
	})
}

func TestMarksOnOnePointAreShifted(t *testing.T) {
	var same marks
	m := same.similarity(reference)
	if m[0] != 1 || m[1] != 0 || m[3] != 0 || m[4] != 1 {
		t.Errorf("%v", m)
	}
}

// heads builds an answer of the face detector with scores, boxes and marks.
func heads() map[string][]float32 {
	all := map[string][]float32{}
	for name, stride := range map[string]int{"8": 8, "16": 16, "32": 32} {
		n := 2 * (side / stride) * (side / stride)
		all["score_"+name], all["bbox_"+name], all["kps_"+name] = make([]float32, n), make([]float32, 4*n), make([]float32, 10*n)
	}
	return all
}

func answerOf(all map[string][]float32) outputs {
	r := &service.ModelInferResponse{}
	for name, values := range all {
		raw := make([]byte, 4*len(values))
		for i, v := range values {
			binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
		}
		r.Outputs = append(r.Outputs, &service.ModelInferResponse_InferOutputTensor{Name: name, Shape: []int64{int64(len(values))}})
		r.RawOutputContents = append(r.RawOutputContents, raw)
	}
	return outputs{"m", r}
}

func TestFacesAreDecoded(t *testing.T) {
	all := heads()
	// Stride 16 has rows of 40 cells: anchors 2*(40*3+5) and the next sit at (80, 48).
	i := 2 * (40*3 + 5)
	for k, score := range []float32{0.9, 0.8} { // the same face twice
		all["score_16"][i+k] = score
		copy(all["bbox_16"][4*(i+k):], []float32{1, 1, 2, 3})
		copy(all["kps_16"][10*(i+k):], []float32{0, 0, 1, 0, 0.5, 1, 0, 2, 1, 2})
	}
	all["score_8"][0], all["bbox_8"][0] = float32(math.NaN()), 1
	all["score_32"][7] = 1 // a box without an area
	all["score_32"][9] = 1
	copy(all["bbox_32"][4*9:], []float32{float32(math.Inf(1)), 1, 1, 1})
	got, err := answerOf(all).faces()
	if err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	f := got[0]
	if f.box != (Box{64, 32, 112, 96}) || f.score != 0.9 || f.marks[1] != (point{96, 48}) || f.marks[4] != (point{96, 80}) {
		t.Errorf("%+v", f)
	}
	f.unscale(2)
	if f.box != (Box{32, 16, 56, 48}) || f.marks[1] != (point{48, 24}) {
		t.Errorf("in the picture: %+v", f)
	}
	delete(all, "kps_8")
	if _, err := answerOf(all).faces(); err == nil {
		t.Error("an answer without kps_8 was accepted")
	}
}

func TestObjectsAreDecoded(t *testing.T) {
	o := answerOf(map[string][]float32{
		"num_dets": {math.Float32frombits(1)}, "det_boxes": append([]float32{2, 4, 6, 8}, make([]float32, 4*mostObjects-4)...),
		"det_scores": append([]float32{0.7}, make([]float32, mostObjects-1)...), "det_classes": append([]float32{math.Float32frombits(5)}, make([]float32, mostObjects-1)...),
	})
	got, err := o.objects(2)
	if err != nil || len(got) != 1 || got[0] != (Object{Box{1, 2, 3, 4}, 0.7, 5}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTextBoxes(t *testing.T) {
	const width, height = 20, 16
	probability := make([]float32, width*height)
	fill := func(left, top, right, bottom int) {
		for y := top; y < bottom; y++ {
			for x := left; x < right; x++ {
				probability[y*width+x] = 0.9
			}
		}
	}
	fill(2, 1, 10, 5)
	fill(5, 8, 19, 12)
	fill(0, 14, 1, 15) // too small
	got := textBoxes(probability, width)
	if want := []Box{{2, 1, 10, 5}, {5, 8, 19, 12}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestGreedyDropsBlanksAndRepetitions(t *testing.T) {
	steps := []int{0, 7, 7, 0, 7, 3, 3, 0}
	raw := make([]byte, 4*characters*len(steps))
	for step, c := range steps {
		binary.LittleEndian.PutUint32(raw[4*(step*characters+c):], math.Float32bits(1))
	}
	if got := greedy(raw); !slices.Equal(got, []int{7, 7, 3}) {
		t.Errorf("%v", got)
	}
}
