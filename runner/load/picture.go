package load

import (
	"fmt"
	"image"
	_ "image/jpeg" // for image.Decode
	_ "image/png"
	"math"
	"os"

	"golang.org/x/image/draw"
)

// mostPixels bounds a picture before it is unpacked: a small file can hold a huge
// one.
const mostPixels = 100 << 20

// layout says how a tensor holds a picture.
type layout struct {
	height, width, channels int
	planar                  bool // all of one channel, then of the next
}

// layoutOf finds the channels, 1 or 3 of them, first or last; dimensions of 1
// before them do not matter. A shape of two dimensions is a gray picture.
func layoutOf(shape []int64) (layout, bool) {
	for len(shape) > 3 && shape[0] == 1 {
		shape = shape[1:]
	}
	if len(shape) == 2 {
		return layout{int(shape[0]), int(shape[1]), 1, true}, true
	}
	if len(shape) != 3 {
		return layout{}, false
	}
	for _, channels := range []int64{3, 1} { // a height of 1 is less likely than colours
		switch channels {
		case shape[0]:
			return layout{int(shape[1]), int(shape[2]), int(channels), true}, true
		case shape[2]:
			return layout{int(shape[0]), int(shape[1]), int(channels), false}, true
		}
	}
	return layout{}, false
}

// readPicture decodes a picture and scales it to the input's height and width.
func (d Data) readPicture(m Model, t Tensor, path string, span *Range) ([]value, error) {
	shape, err := d.shape(m, t)
	if err != nil {
		return nil, err
	}
	how, ok := layoutOf(shape)
	if count, fits := elements(shape); !ok || !fits || count == 0 {
		return nil, fmt.Errorf("%s: no picture fits shape %v of input %q (hint: height and width with 1 or 3 channels before or after them)", path, shape, t.Name)
	}
	to, err := pictureRange(t, span)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	picture, err := decodePicture(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	scaled := image.NewNRGBA(image.Rect(0, 0, how.width, how.height))
	draw.BiLinear.Scale(scaled, scaled.Bounds(), picture, picture.Bounds(), draw.Src, nil)
	return []value{{shape, how.pack(t.Datatype, scaled.Pix, to)}}, nil
}

func decodePicture(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, _, err := image.DecodeConfig(f)
	if err != nil {
		return nil, err
	}
	if size.Width < 1 || size.Height < 1 || size.Width > mostPixels/size.Height {
		return nil, fmt.Errorf("a picture of %d x %d pixels", size.Width, size.Height)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	picture, _, err := image.Decode(f)
	return picture, err
}

// pictureRange is what black and white become: 0 and 1 in floats, 0 and 255 in
// integers.
func pictureRange(t Tensor, span *Range) (Range, error) {
	_, integer := integers[t.Datatype]
	switch {
	case t.Datatype == "BOOL":
		return Range{}, fmt.Errorf("no picture fits input %q, which is BOOL", t.Name)
	case span != nil:
		return *span, nil
	case !integer:
		return Range{0, 1}, nil
	case t.Datatype == "INT8":
		return Range{}, fmt.Errorf("input %q is INT8, which does not hold 0..255 (hint: FILE:-128..127)", t.Name)
	}
	return Range{0, 255}, nil
}

// pack lays pixels out (four bytes each, of which the last is dropped). Gray is
// the luma of ITU-R BT.601.
func (l layout) pack(datatype string, pixels []byte, to Range) []byte {
	var table [256][]byte // of every level, as the tensor holds it
	for v := range table {
		level := to.Low + float64(v)/255*(to.High-to.Low)
		if _, integer := integers[datatype]; integer {
			table[v] = appendInteger(nil, datatype, uint64(int64(math.Round(level))))
		} else {
			table[v] = appendFloat(nil, datatype, level)
		}
	}
	n := l.height * l.width
	level := func(i, channel int) []byte {
		p := pixels[4*i : 4*i+3]
		if l.channels == 1 {
			return table[(299*int(p[0])+587*int(p[1])+114*int(p[2])+500)/1000]
		}
		return table[p[channel]]
	}
	out := make([]byte, 0, n*l.channels*datatypes[datatype])
	if l.planar {
		for channel := range l.channels {
			for i := range n {
				out = append(out, level(i, channel)...)
			}
		}
		return out
	}
	for i := range n {
		for channel := range l.channels {
			out = append(out, level(i, channel)...)
		}
	}
	return out
}
