package gateway

import "context"

// mostObjects is how many rows the detector's answer has.
const mostObjects = 300

// objects detects things. The engine suppresses doubles itself.
func (j *job) objects(ctx context.Context) error {
	tensor := j.prepare(canvas{width: 640, height: 640, scale: 1.0 / 255})
	defer tensor.free()
	outputs, err := j.infer(ctx, objectDetector, "images", []int64{1, 3, 640, 640}, tensor.raw)
	if err != nil {
		return err
	}
	found, err := outputs.objects(tensor.ratio)
	if err != nil {
		return err
	}
	j.set(func(a *Answer) { a.Objects = found })
	return nil
}

func (o outputs) objects(ratio float64) ([]Object, error) {
	count, err := o.integers("num_dets", 1)
	if err != nil {
		return nil, err
	}
	boxes, err := o.floats("det_boxes", 4*mostObjects)
	if err != nil {
		return nil, err
	}
	scores, err := o.floats("det_scores", mostObjects)
	if err != nil {
		return nil, err
	}
	classes, err := o.integers("det_classes", mostObjects)
	if err != nil {
		return nil, err
	}
	var found []Object
	for i := range min(max(int(count[0]), 0), mostObjects) {
		box := Box(boxes[4*i : 4*i+4])
		for k := range box {
			box[k] /= float32(ratio)
		}
		found = append(found, Object{box, scores[i], classes[i]})
	}
	return found, nil
}
