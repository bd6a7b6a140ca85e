// Package stats counts what the broker does and keeps the figures that request 315
// (VIEW_BROKER_STATS_DATA) and 28 (GET_BROKER_RUNTIME_INFO) show.
//
// The hot path adds to atomic counters and nothing else. A sampler copies the counters at
// fixed ticks into short histories, and a figure is the difference of two samples:
//
//	window   tick     samples kept
//	second   1 s      601      broker only: the 10 s, 1 min and 10 min rates of request 28
//	minute   10 s     7        per topic, per topic@group: request 315
//	hour     10 min   7
//	day      1 h      25
//
// The names of the statistics and their keys are RocketMQ's (BrokerStatsManager); those that the
// default Java broker never feeds do not exist here.
package stats
