// Package guest is a program's view of the machine: one 32-byte word in, one out.
//
// The descriptors are those of the guest kernel. A native run gets the same ones from a harness, so
// one source serves both.
package guest

import (
	"fmt"
	"io"
	"os"
)

// Word is what a program takes and what it returns.
type Word [32]byte

const (
	inputFd  = 7
	outputFd = 8
)

// Input reads the word that the program computes on.
func Input() (Word, error) {
	var word Word
	file := os.NewFile(inputFd, "input")
	if _, err := io.ReadFull(file, word[:]); err != nil {
		return word, fmt.Errorf("input word: %w", err)
	}
	return word, nil
}

// Output sets the word that the program returns if it exits with code 0.
func Output(word Word) error {
	file := os.NewFile(outputFd, "output")
	if _, err := file.Write(word[:]); err != nil {
		return fmt.Errorf("output word: %w", err)
	}
	return nil
}

// Fail reports err as the named program's last word and exits with code 1.
func Fail(program string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
	os.Exit(1)
}
