package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// channels passes numbers along a chain of goroutines, each blocked until its turn comes.
func channels() {
	const stages = 50
	first := make(chan int)
	in := first
	for range stages {
		out := make(chan int)
		go func(in <-chan int, out chan<- int) {
			for n := range in {
				out <- n + 1
			}
			close(out)
		}(in, out)
		in = out
	}
	go func() {
		for n := range 20 {
			first <- n
		}
		close(first)
	}()
	sum := 0
	for n := range in {
		sum += n
	}
	fmt.Println("sum", sum)

	quit, ticks := make(chan struct{}), make(chan int)
	go func() {
		defer close(ticks)
		for n := 0; ; n++ {
			select {
			case ticks <- n:
			case <-quit:
				return
			}
		}
	}()
	for n := range ticks {
		if n == 1000 {
			close(quit)
			break
		}
	}
	fmt.Println("selected")
}

// timers sees to it that sleepers wake in the order of their deadlines, and not too early.
func timers() {
	order := make(chan int)
	for _, n := range []int{5, 3, 1, 4, 2} {
		go func() {
			start := time.Now()
			time.Sleep(time.Duration(n) * 20 * time.Millisecond)
			check(time.Since(start) >= time.Duration(n)*20*time.Millisecond, "woke early", n)
			order <- n
		}()
	}
	for range 5 {
		fmt.Print(<-order, " ")
	}
	fmt.Println()

	ticker := time.NewTicker(10 * time.Millisecond)
	for range 5 {
		<-ticker.C
	}
	ticker.Stop()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	select {
	case <-ctx.Done():
		fmt.Println(ctx.Err())
	case <-time.After(time.Hour):
		fmt.Println("late")
	}

	fired := make(chan struct{})
	timer := time.AfterFunc(time.Hour, func() { close(fired) })
	timer.Reset(time.Millisecond)
	<-fired

	// A sleeper gets its turn although another thread never stops making system calls.
	var woken atomic.Bool
	go func() {
		runtime.LockOSThread()
		time.Sleep(time.Millisecond)
		woken.Store(true)
	}()
	for !woken.Load() {
		time.Now()
		runtime.Gosched()
	}
	fmt.Println("woken")
}

// mutexes has goroutines, some on threads of their own, fight for locks.
func mutexes() {
	const workers, rounds = 8, 300
	var (
		mutex  sync.Mutex
		rw     sync.RWMutex
		group  sync.WaitGroup
		count  int
		shared int
		reads  atomic.Int64
	)
	for w := range workers {
		group.Go(func() {
			if w%2 == 0 {
				runtime.LockOSThread()
			}
			for r := range rounds {
				mutex.Lock()
				before := count
				if r%16 == 0 {
					runtime.Gosched()
				}
				count = before + 1
				mutex.Unlock()
				if r%10 == 0 {
					rw.Lock()
					shared++
					rw.Unlock()
				} else {
					rw.RLock()
					reads.Add(int64(shared - shared + 1))
					rw.RUnlock()
				}
			}
		})
	}
	group.Wait()
	fmt.Println(count, shared, reads.Load())

	cond, ready := sync.NewCond(&mutex), 0
	for range workers {
		group.Go(func() {
			mutex.Lock()
			for ready == 0 {
				cond.Wait()
			}
			ready++
			mutex.Unlock()
		})
	}
	time.Sleep(time.Millisecond)
	mutex.Lock()
	ready = 1
	cond.Broadcast()
	mutex.Unlock()
	group.Wait()
	fmt.Println("ready", ready)
}

// threads hands a token around a ring of goroutines that each own a thread.
func threads() {
	const ring = 100
	first := make(chan int)
	in := first
	for range ring {
		out := make(chan int)
		go func(in <-chan int, out chan<- int) {
			runtime.LockOSThread() // The thread ends with the goroutine.
			for n := range in {
				out <- n + 1
			}
			close(out)
		}(in, out)
		in = out
	}
	for range 3 {
		first <- 0
		fmt.Println("token", <-in)
	}
	close(first)
	<-in
	// The blocks of threads that have ended are used again.
	for range 2 * ring {
		done := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(done)
		}()
		<-done
	}
	fmt.Println("done")
}

// deadlock blocks for ever, which the runtime notices.
func deadlock() {
	go func() { select {} }()
	<-make(chan int)
}
