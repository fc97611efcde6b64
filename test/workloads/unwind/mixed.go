// Go: goroutines, maps that grow, sorting through an interface, JSON, the collector, blocking channels.
//
//	mixed SECONDS
package main

import (
	"encoding/json"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"time"
)

type record struct {
	Name   string
	Values []float64
}

//go:noinline
func spin(value uint64, depth int) uint64 {
	if depth > 0 {
		return spin(value*3+1, depth-1) + 1
	}
	for turn := 0; turn < 2000; turn++ {
		value = value*6364136223846793005 + 1
	}
	return value
}

//go:noinline
func encode(seed int) int {
	records := map[string]record{}
	// Another number in each round: a sampler's fixed rate would run in step with rounds of one length, and show any share.
	for count, index := 1+rand.Intn(100), 0; index < count; index++ {
		name := strconv.Itoa(seed * index)
		records[name] = record{name, []float64{float64(seed), float64(index) / 3}}
	}
	text, _ := json.Marshal(records)
	var back map[string]record
	if json.Unmarshal(text, &back) != nil {
		os.Exit(1)
	}
	names := make([]string, 0, len(back))
	for name := range back {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return names[i] < names[j] })
	return len(names)
}

func main() {
	seconds := 1
	if len(os.Args) > 1 {
		seconds, _ = strconv.Atoi(os.Args[1])
	}
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	done := make(chan int)
	for worker := 0; worker < 3; worker++ {
		go func() {
			sum := 0
			for round := 1; time.Now().Before(end); round++ {
				sum += encode(round) + int(spin(uint64(round), 10)%3)
			}
			done <- sum
		}()
	}
	for worker := 0; worker < 3; worker++ {
		<-done
	}
}
