// Package register keeps a broker known to its name servers (requests 103, 322 and 104;
// BrokerOuterAPI and BrokerController.registerBrokerAll in Java).
//
// Each name server has a goroutine of its own, so that one that is away or slow delays no other:
//
//	       ┌────────────── registered ◀──────────┐
//	start ─┤   period over: all topics            │ answered
//	       │   topics new:  those since the last answered version
//	       │   no answer: ▼                       │
//	       └────────────── away ── every second ──┘  all topics
//
// A broker whose name servers are all away serves those clients that know it, and registers
// as soon as one returns. What an answer says of order topics is applied if it comes from the first
// name server in the list that is registered, so that servers that disagree do not make it swing.
//
// The package knows no network: it calls through connections that its user makes.
package register
