// A guest for the tests of the kernel: the first argument says what to do.
package main

import (
	"fmt"
	"os"
)

var scenarios = map[string]func(){
	"channels":  channels,
	"timers":    timers,
	"mutexes":   mutexes,
	"threads":   threads,
	"memory":    memory,
	"panic":     deepPanic,
	"nil":       nilDereference,
	"uncaught":  uncaughtNilDereference,
	"divide":    divide,
	"exit":      func() { os.Exit(3) },
	"deadlock":  deadlock,
	"signals":   signals,
	"terminate": terminate,
	"oracle":    oracle,
}

func main() {
	scenario, ok := scenarios[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such scenario")
		os.Exit(99)
	}
	scenario()
}

// check ends the program if a condition does not hold.
func check(ok bool, what string, values ...any) {
	if !ok {
		fmt.Println("WRONG:", what, fmt.Sprint(values...))
		os.Exit(1)
	}
}
