package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type tree struct{ left, right *tree }

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{grow(depth - 1), grow(depth - 1)}
}

func (t *tree) size() int {
	if t == nil {
		return 0
	}
	return 1 + t.left.size() + t.right.size()
}

// memory keeps the collector busy and the heap near its limit. Fresh memory must be zero, whatever
// was there before and however it was given back.
func memory() {
	debug.SetGCPercent(20)
	debug.SetMemoryLimit(24 << 20)
	keep := grow(12)
	for round := range 30 {
		block := make([]byte, (round%5+1)*700_000)
		for i := 0; i < len(block); i += 512 {
			check(block[i] == 0, "fresh memory is not zero", round, i)
		}
		for i := 0; i < len(block); i += 512 {
			block[i] = byte(round) | 1
		}
		check(grow(8).size() == 511, "tree")
		if round%10 == 9 {
			block = nil
			debug.FreeOSMemory()
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	check(stats.NumGC > 5, "too few collections", stats.NumGC)
	check(stats.Sys-stats.HeapReleased < 64<<20, "far beyond the limit", stats.Sys)
	fmt.Println("kept", keep.size())

	// A map and strings, so that small objects of many sizes come and go.
	words := map[string]int{}
	for i := range 20_000 {
		words[fmt.Sprint(i%997, "-", i%13)] += i
	}
	fmt.Println("words", len(words))
}
