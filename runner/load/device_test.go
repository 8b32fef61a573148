package load

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tritonsweep/runner/load/region"
	"tritonsweep/runner/tritonsim"
)

// fileDevice is a GPU whose memory lies in files of a directory. Its handles are
// their names, in the 64 bytes that CUDA's have.
type fileDevice string

func (fileDevice) Number() int          { return 0 }
func (fileDevice) Free() (int64, error) { return 1 << 30, nil }

func (d fileDevice) Allocate(size int64) (region.Memory, []byte, error) {
	file, err := os.CreateTemp(string(d), "allocation-")
	if err != nil {
		return nil, nil, err
	}
	handle := make([]byte, 64)
	copy(handle, filepath.Base(file.Name()))
	return &fileMemory{file}, handle, file.Truncate(size)
}

// open is what the server does with a handle.
func (d fileDevice) open(handle []byte) (tritonsim.SharedMemory, error) {
	return os.OpenFile(filepath.Join(string(d), string(bytes.TrimRight(handle, "\x00"))), os.O_RDWR, 0)
}

func (d fileDevice) requireEmpty(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(string(d))
	if err != nil || len(left) != 0 {
		t.Errorf("left on the GPU: %v, %v", left, err)
	}
}

// fileMemory is an allocation on a fileDevice. Like a GPU's memory it is reached
// only by copying.
type fileMemory struct{ file *os.File }

func (m *fileMemory) Write(at int64, data []byte) error {
	_, err := m.file.WriteAt(data, at)
	return err
}

func (m *fileMemory) View(at, size int64) ([]byte, error) {
	data := make([]byte, size)
	_, err := m.file.ReadAt(data, at)
	return data, err
}

func (m *fileMemory) Fill(at, size int64, value byte) error {
	return m.Write(at, bytes.Repeat([]byte{value}, int(size)))
}

func (m *fileMemory) Close() error {
	if m.file == nil {
		return nil
	}
	err := errors.Join(m.file.Close(), os.Remove(m.file.Name()))
	m.file = nil
	return err
}

// full is a GPU without room, and other one that the server does not have.
type (
	full  struct{ fileDevice }
	other struct{ fileDevice }
)

func (full) Allocate(int64) (region.Memory, []byte, error) {
	return nil, nil, errors.New("no room")
}
func (other) Number() int { return 1 }
