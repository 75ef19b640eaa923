// preimage returns the sha256 of the data in a preimage tree whose root is the input word.
//
// The tree is described in programs/README.md.
package main

import (
	"crypto/sha256"
	"fmt"
	"hash"

	"axonum/programs/examples/guest"
)

const (
	leafTag  = 0
	innerTag = 1
	// maxHeight bounds the recursion: 4 levels of keys reach 36 PB, more than anybody can hash.
	maxHeight = 4
)

func main() {
	if err := run(); err != nil {
		guest.Fail("preimage", err)
	}
}

func run() error {
	root, err := guest.Input()
	if err != nil {
		return err
	}
	client := NewClient()
	if err := client.Hint(fmt.Sprintf("preimage-tree %x", root)); err != nil {
		return err
	}
	digest := sha256.New()
	length, err := walk(client, Key(root), maxHeight, digest)
	if err != nil {
		return err
	}
	output := guest.Word(digest.Sum(nil))
	fmt.Printf("%d bytes, sha256 %x\n", length, output)
	return guest.Output(output)
}

// walk hashes the data below key, from left to right, and returns its length.
func walk(client *Client, key Key, height int, digest hash.Hash) (uint64, error) {
	node, err := client.Get(key)
	if err != nil {
		return 0, err
	}
	if len(node) == 0 {
		return 0, fmt.Errorf("node %x: empty", key)
	}
	tag, body := node[0], node[1:]
	switch {
	case tag == leafTag:
		digest.Write(body)
		return uint64(len(body)), nil
	case tag != innerTag:
		return 0, fmt.Errorf("node %x: unknown tag %d", key, tag)
	case len(body) == 0 || len(body)%len(key) != 0:
		return 0, fmt.Errorf("node %x: %d bytes are not a list of keys", key, len(body))
	case height == 0:
		return 0, fmt.Errorf("node %x: the tree is too high", key)
	}
	var total uint64
	for ; len(body) > 0; body = body[len(key):] {
		length, err := walk(client, Key(body[:len(key)]), height-1, digest)
		if err != nil {
			return 0, err
		}
		total += length
	}
	return total, nil
}
