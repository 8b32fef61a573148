package gateway

import (
	"bytes"
	"image/jpeg"
	"testing"

	"tritonsweep/examples/pipeline/pictures"
)

// What one picture costs beside the models, on one core.
func BenchmarkPicture(b *testing.B) {
	data := pictures.JPEG(1, 800, 600)
	decoded, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	j := &job{picture: colours(decoded), stages: newStages()}
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			m, err := jpeg.Decode(bytes.NewReader(data))
			if err != nil {
				b.Fatal(err)
			}
			colours(m)
		}
	})
	b.Run("prepare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			j.prepare(detectorCanvas).free()
		}
	})
	b.Run("align", func(b *testing.B) {
		faces := assumedFaces(3)
		crops := cropCanvas.tensor(3)
		for b.Loop() {
			j.align(faces, crops.raw)
		}
	})
}
