package gateway

import (
	"encoding/binary"
	"image"
	"math"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"
)

// canvas says how a picture becomes a tensor of 3 x height x width.
type canvas struct {
	width, height int
	stretch       bool // to the whole canvas; else its shape is kept, and the rest is black
	offset, scale float32
	blueFirst     bool
}

// tensor holds raw numbers that go back to a pool.
type tensor struct {
	raw  []byte
	home *sync.Pool
	// ratio is pixels of the canvas for one of the picture, where its shape was kept.
	ratio float64
}

func (t tensor) free() { t.home.Put(&t.raw) }

// pools keep the buffers of each size: a picture of 640 x 640 is 4.9 MB as a
// tensor, and making one for each request would be all that the collector does.
var pools, images sync.Map // of int to *sync.Pool

func pool(all *sync.Map, size int) *sync.Pool {
	p, _ := all.LoadOrStore(size, &sync.Pool{New: func() any {
		raw := make([]byte, size)
		return &raw
	}})
	return p.(*sync.Pool)
}

// drawing returns a black picture whose memory comes from a pool.
func drawing(width, height int) (out *image.RGBA, free func()) {
	home := pool(&images, 4*width*height)
	raw := home.Get().(*[]byte)
	clear(*raw)
	return &image.RGBA{Pix: *raw, Stride: 4 * width, Rect: image.Rect(0, 0, width, height)}, func() { home.Put(raw) }
}

// prepare resizes the picture onto a canvas.
func (j *job) prepare(c canvas) tensor {
	defer j.stages.time("prepare")()
	out, free := drawing(c.width, c.height)
	defer free()
	size := j.picture.Bounds().Size()
	ratio := min(float64(c.width)/float64(size.X), float64(c.height)/float64(size.Y))
	target := out.Rect
	if !c.stretch {
		target = image.Rect(0, 0, max(int(ratio*float64(size.X)), 1), max(int(ratio*float64(size.Y)), 1))
	}
	draw.ApproxBiLinear.Scale(out, target, j.picture, j.picture.Rect, draw.Src, nil)
	t := c.tensor(1)
	t.ratio = ratio
	c.fill(t.raw, out)
	return t
}

// warp draws a part of the picture onto a canvas; move maps the picture's pixels
// to the canvas's.
func (j *job) warp(c canvas, move f64.Aff3, raw []byte) {
	out, free := drawing(c.width, c.height)
	defer free()
	draw.ApproxBiLinear.Transform(out, move, j.picture, j.picture.Bounds(), draw.Src, nil)
	c.fill(raw, out)
}

// tensor returns memory for a batch of pictures.
func (c canvas) tensor(batch int) tensor {
	home := pool(&pools, batch*c.bytes())
	return tensor{raw: *home.Get().(*[]byte), home: home}
}

func (c canvas) bytes() int { return 4 * 3 * c.width * c.height }

// fill writes pixels as (x - offset) * scale, one plane a colour.
func (c canvas) fill(raw []byte, from *image.RGBA) {
	var numbers [256]uint32
	for i := range numbers {
		numbers[i] = math.Float32bits((float32(i) - c.offset) * c.scale)
	}
	n := c.width * c.height
	for plane := range 3 {
		colour := plane
		if c.blueFirst {
			colour = 2 - plane
		}
		to := raw[4*n*plane : 4*n*(plane+1)]
		for i := range n {
			binary.LittleEndian.PutUint32(to[4*i:], numbers[from.Pix[4*i+colour]])
		}
	}
}
