package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// Descriptors of the OP stack's preimage oracle. Hints tell the host what will be asked for soon;
// preimages are asked for by key, and the host must answer with the one preimage that the key has.
const (
	hintReadFd      = 3
	hintWriteFd     = 4
	preimageReadFd  = 5
	preimageWriteFd = 6
)

// maxPreimage is the VM's bound on the size of a preimage.
const maxPreimage = 32 * 1024

// Key names a preimage: a type byte and 31 bytes of its hash.
type Key [32]byte

// Client is the program's half of the protocol; the host's half is an OracleServer.
type Client struct {
	hintRead, hintWrite         *os.File
	preimageRead, preimageWrite *os.File
}

// NewClient opens the inherited descriptors.
func NewClient() *Client {
	return &Client{
		hintRead:      os.NewFile(hintReadFd, "hint read"),
		hintWrite:     os.NewFile(hintWriteFd, "hint write"),
		preimageRead:  os.NewFile(preimageReadFd, "preimage read"),
		preimageWrite: os.NewFile(preimageWriteFd, "preimage write"),
	}
}

// Hint sends a hint, and waits until the host has seen it: a 4-byte big-endian length and the text
// go out, one byte comes back.
func (c *Client) Hint(hint string) error {
	message := binary.BigEndian.AppendUint32(nil, uint32(len(hint)))
	if _, err := c.hintWrite.Write(append(message, hint...)); err != nil {
		return fmt.Errorf("hint %q: %w", hint, err)
	}
	var ack [1]byte
	if _, err := io.ReadFull(c.hintRead, ack[:]); err != nil {
		return fmt.Errorf("acknowledgement of hint %q: %w", hint, err)
	}
	return nil
}

// Get fetches the preimage of key: the key goes out, an 8-byte big-endian length and the data come
// back. The oracle vouches for the data, so it is not hashed here.
func (c *Client) Get(key Key) ([]byte, error) {
	if _, err := c.preimageWrite.Write(key[:]); err != nil {
		return nil, fmt.Errorf("key %x: %w", key, err)
	}
	var header [8]byte
	if _, err := io.ReadFull(c.preimageRead, header[:]); err != nil {
		return nil, fmt.Errorf("length of %x: %w", key, err)
	}
	length := binary.BigEndian.Uint64(header[:])
	if length > maxPreimage {
		return nil, fmt.Errorf("preimage of %x: %d bytes are too many", key, length)
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(c.preimageRead, data); err != nil {
		return nil, fmt.Errorf("preimage of %x: %w", key, err)
	}
	return data, nil
}
