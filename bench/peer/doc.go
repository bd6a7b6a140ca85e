// Command peer measures ringmq beside the Java broker, in turn, in one run, and writes a page with what it found. It is
// what `make bench-peer` and `make bench-scale` run.
//
//	rows.go, rows_pull.go,   what is measured: a table of rows, each runs on one contestant and
//	rows_life.go, scale.go   returns figures
//	lab.go                   contestants: processes, stores, ports; Java's warm-up
//	main.go                  for each row, for each round, each contestant in turn: A B A B
//	result.go                figures of all rounds; medians and spread
//	page.go                  docs/benchmarks.md and its pictures
//
// The load is made by processes of its own (`ringmq bench …`), so that what the tool costs is seen apart. Nothing else
// should run on the machine.
//
// A Java broker is started once per flush mode and goes on running: it gets a minute of load to warm up, and between its
// turns it only idles. The others start in milliseconds, so each of their turns has a new process
// and an empty store. Before each turn everything that others have left to write is synced.
package main
