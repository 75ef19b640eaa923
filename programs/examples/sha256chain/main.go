// sha256chain hashes 32 zero bytes again and again and returns the last digest.
//
// The number of iterations is the last eight bytes of the input word, big-endian; 0 means 20000.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"axonum/programs/examples/guest"
)

const defaultIterations = 20000

func main() {
	input, err := guest.Input()
	if err != nil {
		guest.Fail("sha256chain", err)
	}
	iterations := binary.BigEndian.Uint64(input[24:])
	if iterations == 0 {
		iterations = defaultIterations
	}
	var digest guest.Word
	for range iterations {
		digest = sha256.Sum256(digest[:])
	}
	fmt.Printf("%x\n", digest)
	if err := guest.Output(digest); err != nil {
		guest.Fail("sha256chain", err)
	}
}
