// Package chart draws the two pictures that measurements need, as SVG for documents and as text for
// terminals: a [Bars] of figures side by side, and [Lines] of how a figure grows. It owns no state, and the same input
// gives the same bytes, so that a picture in the repository changes only with its figures.
//
//	┌ Title ─────────────────┐
//	│ Y  ╷      ___•  a      │   scales may be logarithmic; axes start at 0 unless they are
//	│    │  •--•             │   each series has a colour and stands in the legend
//	│    └──┴──┴──┴─  X      │
//	└────────────────────────┘
package chart
