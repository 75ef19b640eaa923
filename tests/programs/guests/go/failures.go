package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

//go:noinline
func thirdCall(depth int) {
	if depth == 0 {
		panic(errors.New("on purpose"))
	}
	thirdCall(depth - 1)
}

func deepPanic() { thirdCall(2) }

type node struct {
	padding [100]int
	next    *node
}

//go:noinline
func follow(n *node) int { return n.next.padding[7] }

//go:noinline
func store(n *node) { n.padding[99] = 1 }

func recovered(f func()) (err error) {
	defer func() { err, _ = recover().(error) }()
	f()
	return nil
}

// nilDereference recovers from faults again and again, on the main thread and on others.
func nilDereference() {
	for range 3 {
		err := recovered(func() { follow(&node{}) })
		var fault runtime.Error
		check(errors.As(err, &fault), "not a runtime error")
		fmt.Println(err)
	}
	fmt.Println(recovered(func() { store(nil) }))
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- recovered(func() { follow(nil) })
	}()
	fmt.Println(<-done)
	var function func()
	fmt.Println(recovered(func() { function() }))
	zero := 0
	fmt.Println(recovered(func() { fmt.Println(1 / zero) }))
	fmt.Println(recovered(func() { _ = make([]int, 3)[zero-1] }))
}

func uncaughtNilDereference() { follow(nil) }

//go:noinline
func divide() {
	divisor := len(os.Args) - 2
	fmt.Println(1 / divisor)
}

// signals sends itself signals, handled and ignored ones.
func signals() {
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGUSR1)
	for range 3 {
		check(syscall.Kill(syscall.Getpid(), syscall.SIGUSR1) == nil, "kill")
		fmt.Println(<-received)
	}
	signal.Ignore(syscall.SIGUSR1)
	check(syscall.Kill(syscall.Getpid(), syscall.SIGUSR1) == nil, "kill")
	check(syscall.Kill(syscall.Getpid(), syscall.SIGURG) == nil, "kill")
	time.Sleep(time.Millisecond)
	fmt.Println(len(received))
}

// terminate dies of a signal nobody handles.
func terminate() {
	signal.Reset(syscall.SIGUSR1)
	check(syscall.Kill(syscall.Getpid(), syscall.SIGKILL) == nil, "kill")
	time.Sleep(time.Hour)
}
