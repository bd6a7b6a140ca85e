// Package lint holds the house rules as tests. It exports nothing and owns no state.
//
//	layers_test.go   who may import whom; where the program may touch os, net, time, syscall
//	docs_test.go     every package and every exported name has a comment
//	prose_test.go    what README, ARCHITECTURE and the rest name exists
//	size_test.go     files and functions fit their limits
//	tests_test.go    tests do not sleep; what parses bytes has a fuzz target
//	options_test.go  an option that docs/config.md calls working is read somewhere, and
//	                 one that it does not is read nowhere
//
// Each rule is a table followed by one test; an exception is a row with its reason.
package lint
