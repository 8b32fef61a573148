// Package pictures draws test pictures: equal numbers give equal bytes, on every
// machine, so that a measurement can be repeated without a download. They have
// gradients, edges and noise like photographs, because the time to decode a JPEG
// depends on what is in it.
package pictures

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// quality is what cameras and phones use.
const quality = 88

// JPEG draws picture number n with a size in pixels.
func JPEG(n, width, height int) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 0x706963))
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	from, to := colour(random), colour(random)
	for y := range height {
		for x := range width {
			m.SetRGBA(x, y, between(from, to, x+y, width+height, random))
		}
	}
	for range 12 {
		disc(m, random.IntN(width), random.IntN(height), 8+random.IntN(max(height/6, 1)), colour(random))
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: quality}); err != nil {
		panic(err) // a buffer takes everything, and the size is valid
	}
	return out.Bytes()
}

// Write leaves pictures 0 to count-1 as picture-000.jpg and so on in a directory.
func Write(directory string, count, width, height int) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	for n := range count {
		name := filepath.Join(directory, fmt.Sprintf("picture-%03d.jpg", n))
		if err := os.WriteFile(name, JPEG(n, width, height), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func colour(random *rand.Rand) color.RGBA {
	return color.RGBA{uint8(random.UintN(256)), uint8(random.UintN(256)), uint8(random.UintN(256)), 255}
}

// between mixes two colours, with a little noise.
func between(a, b color.RGBA, at, of int, random *rand.Rand) color.RGBA {
	noise := int(random.UintN(17)) - 8
	mix := func(x, y uint8) uint8 {
		return uint8(min(max((int(x)*(of-at)+int(y)*at)/of+noise, 0), 255))
	}
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

func disc(m *image.RGBA, x, y, radius int, c color.RGBA) {
	for dy := -radius; dy <= radius; dy++ {
		for dx := -radius; dx <= radius; dx++ {
			if dx*dx+dy*dy <= radius*radius && (image.Point{x + dx, y + dy}).In(m.Rect) {
				m.SetRGBA(x+dx, y+dy, c)
			}
		}
	}
}
