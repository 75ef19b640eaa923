// hello exercises the parts of the Go runtime that lean hardest on the guest kernel: goroutines on
// several threads, channels, timers, a contended mutex, the garbage collector, signals.
//
// Its output does not depend on how goroutines are scheduled, so a native run prints the same.
package main

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const text = "one party that is honest needs one step and one proof to win"

func main() {
	fmt.Println("hello, verifiable world")
	countWords()
	waitForTimer()
	pingPong(1000)
	collectGarbage()
	recoverFromPanics()
}

// countWords has four goroutines share a channel of words and a map behind a mutex.
func countWords() {
	words := make(chan string)
	counts := make(map[string]int)
	var lock sync.Mutex
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for word := range words {
				lock.Lock()
				counts[word]++
				lock.Unlock()
				runtime.Gosched()
			}
		})
	}
	for word := range strings.FieldsSeq(text) {
		words <- word
	}
	close(words)
	workers.Wait()
	// Go visits a map in random order on purpose: only the sorted keys are reproducible.
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		fmt.Printf("%s:%d ", word, counts[word])
	}
	fmt.Println()
}

// waitForTimer blocks every goroutine, so that only the kernel's clock can wake the program.
func waitForTimer() {
	silent := make(chan int)
	start := time.Now()
	select {
	case <-silent:
		fmt.Println("select: a value from nowhere")
	case <-time.After(5 * time.Millisecond):
		fmt.Println("select: timer, waited long enough:", time.Since(start) >= 5*time.Millisecond)
	}
}

// pingPong hands a number back and forth between two goroutines.
func pingPong(rounds int) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		defer close(pong)
		for value := range ping {
			pong <- value + 1
		}
	}()
	value := 0
	for range rounds {
		ping <- value
		value = <-pong
	}
	close(ping)
	fmt.Println("ping-pong:", value)
}

type node struct {
	next  *node
	value int
	bulk  [256]byte
}

// collectGarbage drops nine of ten allocations and checks that the rest survives the collector.
func collectGarbage() {
	var kept *node
	for i := range 20000 {
		fresh := &node{next: kept, value: i}
		if i%10 == 0 {
			kept = fresh
		}
	}
	runtime.GC()
	length, sum := 0, 0
	for n := kept; n != nil; n = n.next {
		length, sum = length+1, sum+n.value
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println("kept:", length, "sum:", sum, "collected:", stats.NumGC > 0 && stats.Frees > 17000)
}

// recoverFromPanics survives run-time errors that the compiler checks for and ones that arrive as
// signals.
func recoverFromPanics() {
	primes := []int{2, 3, 5, 7}
	index := len(text)
	attempt(func() { primes[index]++ })
	var nowhere *node
	attempt(func() { nowhere.value++ })
	divisor := index - len(text)
	attempt(func() { index /= divisor })
}

func attempt(mistake func()) {
	defer func() { fmt.Println("recovered:", recover()) }()
	mistake()
}
