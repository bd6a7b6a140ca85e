// Package sql92 compiles and evaluates the expressions by which consumers choose messages: RocketMQ's
// subset of SQL92 over a message's properties (rocketmq-filter: SelectorParser and its expressions).
//
// An expression becomes a short program for a stack machine. Compiling takes one pass over
// the text, evaluating at most one over the program and one over the properties; neither can be made to
// take longer than the bounds below allow, and evaluating allocates nothing.
//
//	a > 5 AND b IN ('x', 'y')
//
//	0 property a
//	1 null? → 4        left of a comparison: the right is not looked at
//	2 constant 5
//	3 greater
//	4 false? → 8
//	5 property b
//	6 in {x, y}
//	7 and
//	8
//
// Values are null, true, false, 32-bit integers, 64-bit integers, doubles and text. A property is
// text or, if the message has none of the name, null. What happens where types meet is Java's, quirks
// included, since clients were written against it:
//
//   - Text beside a number becomes a number of that type ("6.5" > 5 is an error, not true), two
//     properties beside < or > become doubles, and text beside TRUE or FALSE becomes a truth value.
//   - An error makes the message not match, whatever else the expression says, unless AND or OR was decided before.
//   - NULL = x is null, x = NULL is false: <> is NOT =, so a <> 'x' is null without a, and 'x' <> a true.
//   - -5 is an operator on 5: BETWEEN does not see that -1 AND -5 is empty, as it does for constants.
//   - What follows a complete expression is ignored, if its first word is one: `a LIKE 'x'` is `a`, which is false.
//   - A `--` without a line's end after it is two signs.
package sql92
