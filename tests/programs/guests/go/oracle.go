package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// oracle reads the preimage that its input names, in pieces of growing size at addresses of every
// alignment, after a hint; the output is a sum over it.
func oracle() {
	input, output := os.NewFile(7, "input"), os.NewFile(8, "output")
	hintRead, hintWrite := os.NewFile(3, "hint read"), os.NewFile(4, "hint write")
	read, write := os.NewFile(5, "preimage read"), os.NewFile(6, "preimage write")

	key, err := io.ReadAll(input)
	check(err == nil && len(key) == 32, "input", err, len(key))

	hint := "preimage of the input"
	message := binary.BigEndian.AppendUint32(nil, uint32(len(hint)))
	_, err = hintWrite.Write(append(message, hint...))
	check(err == nil, "hint", err)
	acknowledgement := make([]byte, 1)
	_, err = io.ReadFull(hintRead, acknowledgement)
	check(err == nil, "acknowledgement", err)

	_, err = write.Write(key)
	check(err == nil, "key", err)
	prefix := make([]byte, 8)
	_, err = io.ReadFull(read, prefix)
	check(err == nil, "length", err)
	length := int(binary.BigEndian.Uint64(prefix))
	data := make([]byte, length+1)
	data[length] = 0xee
	for at, size := 0, 1; at < length; size++ {
		n, err := read.Read(data[at:min(at+size, length)])
		check(err == nil && n > 0, "read", err, at)
		at += n
	}
	check(data[length] == 0xee, "read too much")

	sum := make([]byte, 32)
	for i, b := range data[:length] {
		sum[i%32] = sum[i%32]*31 + b
	}
	_, err = output.Write(sum[:5])
	check(err == nil, "output", err)
	n, err := output.Write(sum[5:])
	check(err == nil && n == 27, "output", err)
	fmt.Println("length", length)
}
