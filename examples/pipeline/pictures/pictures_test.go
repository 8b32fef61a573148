package pictures

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
)

// golden is the beginning of the SHA-256 of picture 3 of 160 x 120 pixels.
const golden = "3d45bafd4ea4869a"

func TestPicturesAreTheSameEverywhere(t *testing.T) {
	data := JPEG(3, 160, 120)
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:8]); got != golden {
		t.Errorf("picture 3 has digest %s, want %s: measurements before and after cannot be compared", got, golden)
	}
	if bytes.Equal(data, JPEG(4, 160, 120)) {
		t.Error("pictures 3 and 4 are equal")
	}
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil || m.Bounds().Dx() != 160 || m.Bounds().Dy() != 120 {
		t.Errorf("%v, %v", m, err)
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := Write(dir, 2, 16, 8); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "picture-001.jpg"))
	if err != nil || !bytes.Equal(data, JPEG(1, 16, 8)) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
