package gateway

import (
	"math"

	"golang.org/x/image/math/f64"
)

// point is a place in a picture, in pixels.
type point struct{ x, y float64 }

// marks are a face's eyes, nose and corners of the mouth.
type marks [5]point

// reference is where a face encoder expects them on its canvas of 112 x 112
// (Deng et al., "ArcFace", 2019).
var reference = marks{{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041}}

// similarity returns the turn, scale and shift that brings marks nearest to
// others in the sense of least squares (Umeyama, "Least-squares estimation of
// transformation parameters between two point patterns", 1991). In the plane and
// without mirroring its solution needs no decomposition: with centred points p
// and q, the turned scale is (sum p.q, sum p x q) / sum p.p. Marks that all lie on
// one point, or turn into one, are only shifted.
func (m marks) similarity(to marks) f64.Aff3 {
	from, target := m.centre(), to.centre()
	var dot, cross, square float64
	for i := range m {
		px, py := m[i].x-from.x, m[i].y-from.y
		qx, qy := to[i].x-target.x, to[i].y-target.y
		dot += px*qx + py*qy
		cross += px*qy - py*qx
		square += px*px + py*py
	}
	a, b := 1.0, 0.0
	if square > 0 && math.Hypot(dot, cross) > 1e-3*square {
		a, b = dot/square, cross/square
	}
	return f64.Aff3{
		a, -b, target.x - a*from.x + b*from.y,
		b, a, target.y - b*from.x - a*from.y,
	}
}

func (m marks) centre() point {
	var c point
	for _, p := range m {
		c.x += p.x / float64(len(m))
		c.y += p.y / float64(len(m))
	}
	return c
}
