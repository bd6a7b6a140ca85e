// Package names says what a topic or a group may be called, and holds the map from names to
// state that the hot path reads.
//
// Every name a request carries passes one of the Check functions before it becomes a key of
// something that is written to a file, or part of a path: RocketMQ checks topics only, and a
// group called "a/../x" spoils a Java broker's store for good.
package names
